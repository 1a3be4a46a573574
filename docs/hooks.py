"""Hooks of the documentation site, which adapt pages written for GitHub: root pages, links, lists and plots."""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
# page of the site -> file of the repository
ROOT_PAGES = {
    "changelog.md": "CHANGELOG.md",
    "code-of-conduct.md": "CODE_OF_CONDUCT.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    "shipped.md": "assets/README.md",
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)]*)?\)")
ITEM = re.compile(r"^(\*|-|\d+\.) ")
DRAWING = re.compile(r"!\[([^\]]*)\]\(([\w./-]+\.svg)\)")
# neutral colours of plots -> colours of the theme, which change with light and dark mode
THEME_COLOURS = {
    '"#ffffff"': '"var(--md-default-bg-color)"',
    '"#222222"': '"var(--md-typeset-color)"',
    '"#8a8a8a"': '"var(--md-default-fg-color--light)"',
    '"#e3e3e3"': '"var(--md-default-fg-color--lightest)"',
}
INLINE_CODE = re.compile(r"(?<!<pre>)(?<!</span>)<code>[^<]*</code>")
# options and short names with hyphens, such as --copies and vgg9-cifar10
HYPHENATED = re.compile(r"(?<![\w./-])(?=[\w.-]{3,24}(?![\w./-]))[\w.]*-[\w.-]+")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are files at the root of the repository."""
    for page, path in ROOT_PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / path).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Adapt a page that is written for GitHub to the site."""
    source = page.file.src_uri
    folder = Path(ROOT_PAGES.get(source, f"docs/{source}")).parent
    text = _with_list_breaks(markdown)
    text = DRAWING.sub(lambda match: _inline(match, folder), text)
    return LINK.sub(lambda match: _link(match, folder, source), text)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Keep options and names in code on one line: a browser may break after any hyphen."""
    keep = '<span class="unbroken">{}</span>'
    return INLINE_CODE.sub(lambda code: HYPHENATED.sub(lambda name: keep.format(name[0]), code[0]), html)


def _link(match: re.Match[str], folder: Path, page: str) -> str:
    """Return a link of the repository as a link of the site, or only its text if the site has no such page."""
    image, text, target, anchor = match.groups()
    if "://" in target or target.startswith("mailto:"):
        return match[0]
    path = (ROOT / folder / target).resolve()
    if not path.is_relative_to(ROOT) or not path.exists():
        return match[0]  # the strict build reports it
    name = path.relative_to(ROOT).as_posix()
    roots = {file: site for site, file in ROOT_PAGES.items()} | {"README.md": "index.md"}
    site = roots.get(name) or (name.removeprefix("docs/") if name.startswith("docs/") else None)
    if site is None or path.is_dir():
        return text
    up = "../" * page.count("/")
    return f"{image}[{text}]({up}{site}{anchor or ''})"


def _with_list_breaks(markdown: str) -> str:
    """Put an empty line before each list that follows a paragraph, as Python-Markdown needs it."""
    lines: list[str] = []
    fenced = False
    for line in markdown.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        before = lines[-1] if lines else ""
        starts = ITEM.match(line) and before and not ITEM.match(before) and not before.startswith((" ", "#", "|"))
        if starts and not fenced:
            lines.append("")
        lines.append(line)
    return "\n".join(lines) + "\n"


def _inline(match: re.Match[str], folder: Path) -> str:
    """Return a drawing or plot as inline SVG, so that its colours follow the theme."""
    path = ROOT / folder / match[2]
    svg, kind = path.read_text("utf-8"), "drawing" if path.parent.name == "drawings" else "plot"
    for colour, variable in THEME_COLOURS.items():
        svg = svg.replace(colour, variable)
    return f'<div class="{kind}" role="img" aria-label="{match[1]}">{svg}</div>'
