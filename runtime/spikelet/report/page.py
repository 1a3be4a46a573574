"""Write a self-contained HTML page: style and figures inline, all text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; color: #222;
  background: #fff; max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem;
  overflow-wrap: break-word; } /* digests, commands and names of files */
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.5rem 0; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.6rem; padding-top: 0.6rem; border-top: 1px solid #ddd; }
h3, h4, h5, h6 { font-size: 1.02rem; margin: 1.4rem 0 0.4rem; }
p { max-width: 44rem; }
nav { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; }
nav a { white-space: nowrap; }
a { color: #0059a0; }
table { border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums; margin: 0.6rem 0; }
th, td { padding: 0.25rem 0.7rem 0.25rem 0; text-align: right; vertical-align: top;
  border-bottom: 1px solid #e6e6e6; }
th:first-child, td:first-child { text-align: left; }
.text td, .text th { text-align: left; }
th { border-bottom: 2px solid #bbb; }
.wide { overflow-x: auto; }
figure { margin: 1rem 0; }
figure svg { max-width: 100%; height: auto; display: block; }
@media screen and (max-width: 36rem) { figure { overflow-x: auto; }
  figure svg { width: 100%; min-width: 28rem; max-width: none; } }
figcaption { font-weight: 600; margin-bottom: 0.3rem; }
.note { background: #f3f6fa; border-left: 4px solid #0072B2; padding: 0.6rem 0.9rem; max-width: 44rem; }
.facts { font-size: 0.9rem; color: #444; overflow-wrap: anywhere; }
code { font-size: 0.9em; background: #f4f4f4; padding: 0 0.2em; }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } nav { display: none; }
  figure, table { break-inside: avoid; } .wide { overflow: visible; }
  h2, h3, h4, h5, h6, figcaption { break-after: avoid; } }
"""


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        anchor: Target of links to the section.
        title: Heading, as text.
        body: Content, as HTML.
    """

    anchor: str
    title: str
    body: str


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """Return the HTML document. title: text; lead: HTML below the title."""
    links = "".join(f'<a href="#{escape(section.anchor)}">{escape(section.title)}</a>' for section in sections)
    parts = "\n".join(
        f'<section id="{escape(section.anchor)}"><h2>{escape(section.title)}</h2>\n{section.body}\n</section>'
        for section in sections
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{lead}\n<nav>{links}</nav>\n{parts}\n</body>\n</html>\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[object]], text: bool = False) -> str:
    """Return a table. Numbers are aligned right; `text` aligns all columns left."""
    top = "".join(f"<th>{escape(title)}</th>" for title in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    kind = ' class="text"' if text else ""
    return f'<div class="wide"><table{kind}><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def figure(title: str, svg: str) -> str:
    """Return a figure with its title. svg: a plot of `report.charts`."""
    return f"<figure><figcaption>{escape(title)}</figcaption>{svg}</figure>"


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of text. kind: class in the style sheet, or ""."""
    return f'<p class="{escape(kind)}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def link(address: str, text: str) -> str:
    """Return a link. address: a path relative to the page, or a URL."""
    return f'<a href="{escape(address)}">{escape(text)}</a>'


def bullets(items: Sequence[str]) -> str:
    """Return a list of texts; an empty string if there are none."""
    return "" if not items else "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
