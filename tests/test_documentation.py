"""The documentation: tutorials and blocks of code run, the API pages are complete, the site builds without a warning."""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType

import pytest

from page_support import browser
from spikelet import cli

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))
BLOCK = re.compile(r"^```(python|sh|text)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
IDENTIFIER = re.compile(r"^::: ([\w.]+)$", re.MULTILINE)
NEEDS = {
    "relu": ("torch", "onnx"),
    "train": ("torch",),
    "board": ("PIL",),
    "brian2": ("brian2",),
    "inspect": (),
    "sound": (),
}
README_LINES = 130
PUBLIC = [
    *("spikelet", "spikelet.bundle", "spikelet.data", "spikelet.engines", "spikelet.metrics", "spikelet.nodes"),
    *("spikelet.signing", "spikelet_converters.baselines", "spikelet_converters.brian2"),
    *("spikelet_converters.frontends", "spikelet_converters.source_model.networks"),
    *("spikelet_converters.source_model.residuals", "spikelet_converters.study"),
]


def run_line(line):
    """Run one line of a `sh` block."""
    arguments = shlex.split(line, comments=True)
    if arguments[0] == "spikelet":
        assert cli.main(arguments[1:]) == 0, line
    elif arguments[0] == "make":
        if shutil.which("make") is None or shutil.which("cc") is None:
            pytest.skip("needs make and a C compiler")
        subprocess.run(arguments, check=True, capture_output=True)
    else:
        raise AssertionError(f"a tutorial may run spikelet and make only; mark other lines as console: {line}")


def matches(expected, printed):
    """Return whether an output block matches the printed text; a line `…` matches any lines."""
    pattern = "".join("(?:.*\n)*" if line == "…" else re.escape(line) + "\n" for line in expected.splitlines())
    return re.fullmatch(pattern, printed) is not None


@pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript-based ONNX export:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning")
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_runs_unchanged(page, tmp_path, monkeypatch):
    for module in NEEDS[page.stem]:
        if find_spec(module) is None:
            pytest.skip(f"could not import '{module}'")
    if page.stem == "brian2":
        from brian2_traces import keep

        keep(monkeypatch)
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    monkeypatch.chdir(tmp_path)
    scope, printed = {"__name__": page.stem}, ""
    for language, title, code in BLOCK.findall(page.read_text("utf-8")):
        if language == "text":
            if "Output" in title:
                assert matches(code, printed), f"expected\n{code}\nprinted\n{printed}"
            continue
        if file := re.search(r'title="(\w+\.py)"', title):
            Path(file[1]).write_text(code, "utf-8")
            continue
        out = io.StringIO()
        with redirect_stdout(out):
            if language == "python":
                exec(compile(code, f"{page.name}", "exec"), scope)
            else:
                for line in filter(None, code.splitlines()):
                    run_line(line)
        printed = out.getvalue()


def test_the_sizes_of_the_tutorial_are_those_of_the_bundles(capsys):
    page = (DOCS / "tutorials" / "board.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| ([\d.]+) KB \| ([\d.]+) KB \|", page, re.MULTILINE)
    assert len(rows) == 5
    for name, flash, ram in rows:
        assert cli.main(["inspect", name]) == 0
        assert f": {flash} KB of constants (flash), {ram} KB of memory (RAM)" in capsys.readouterr().out, name


def test_the_firmware_of_the_tutorial_runs(tmp_path):
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    page = (DOCS / "tutorials" / "board.md").read_text("utf-8")
    (tmp_path / "firmware.c").write_text(
        re.search(r'^```c title="firmware.c"\n(.*?)^```$', page, re.DOTALL | re.MULTILINE)[1]
    )
    assert cli.main(["export", "c", "vgg5-fashion-mnist", str(tmp_path / "firmware"), "--mcu"]) == 0
    command = re.search(r"^\$ arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb (.*) -c (.*)$", page, re.MULTILINE)
    strict = ["-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror"]
    subprocess.run(["cc", *strict, *shlex.split(f"{command[1]} {command[2]}"), "-o", "run"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "run"], check=False).returncode == 0


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md", "docs/api/spikelet.md", "docs/concepts/copies.md"])
def test_the_python_of_a_page_runs(page, monkeypatch):
    blocks = [code for language, _, code in BLOCK.findall((ROOT / page).read_text("utf-8")) if language == "python"]
    if "spikelet_converters" in "".join(blocks):
        pytest.importorskip("torch")
    monkeypatch.chdir(ROOT)
    scope = {"__name__": page}
    with redirect_stdout(io.StringIO()):
        for code in blocks:
            exec(compile(code, page, "exec"), scope)
    assert blocks


def resolve(identifier):
    """Return the object of an identifier of an API page."""
    try:
        return import_module(identifier)
    except ModuleNotFoundError:
        module, _, name = identifier.rpartition(".")
        return getattr(import_module(module), name)


@pytest.mark.parametrize("package", PUBLIC)
def test_every_public_name_is_in_the_api(package):
    if package.startswith("spikelet_converters"):
        pytest.importorskip("torch")
    module = import_module(package)
    exported = {name: getattr(module, name) for name in module.__all__}
    pages = "\n".join(page.read_text("utf-8") for page in (DOCS / "api").glob("*.md"))
    identifiers = [name for name in IDENTIFIER.findall(pages) if find_spec("torch") or "_converters" not in name]
    documented = [resolve(identifier) for identifier in identifiers]
    public = {name for name, value in exported.items() if isinstance(value, type | FunctionType)}
    assert {name for name in public if exported[name] not in documented} == set()
    assert len(identifiers) == len(set(identifiers))


def test_the_api_pages_name_existing_objects():
    for page in (DOCS / "api").glob("*.md"):
        for identifier in IDENTIFIER.findall(page.read_text("utf-8")):
            if identifier.startswith("spikelet_converters"):
                pytest.importorskip("torch")
            resolve(identifier)


def test_every_command_is_listed():
    page = (DOCS / "reference" / "commands.md").read_text("utf-8")
    listed = set(re.findall(r"`([a-z]+)(?: [a-z]+)?`", page))
    (commands,) = (action.choices for action in cli.build_parser()._actions if action.choices)
    assert set(commands) <= listed, sorted(set(commands) - listed)


def test_the_readme_is_short_and_its_links_are_valid():
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= README_LINES
    targets = re.findall(r"\]\(([^)#:]+)\)", text)
    assert len(targets) > 15
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_drawings_agree_with_the_contracts(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import drawings

    try:
        for path, svg in drawings.drawings().items():
            assert path.read_text("utf-8") == svg, "run: python docs/drawings.py"
    finally:
        sys.modules.pop("drawings", None)


# Without garbage collection, which takes a tenth of the time and frees nothing that matters, and without a process of
# ruff for each of 120 signatures, which breaks them into lines.
MKDOCS = """
import gc, sys
from mkdocs.__main__ import cli
from mkdocstrings_handlers.python._internal import rendering

gc.disable()
assert hasattr(rendering, "_get_formatter")
rendering._get_formatter = lambda: lambda code, line_length: code
cli(sys.argv[1:])
"""


def built_site(folder):
    """Build the site into a folder, where every warning is an error."""
    if find_spec("mkdocs") is None or find_spec("mkdocstrings") is None:
        pytest.skip("mkdocs is not installed")
    done = subprocess.run(
        [sys.executable, "-c", MKDOCS, "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


def search(site, query):
    """Return titles of the search results on a page that is opened without a server, and requests to other hosts."""
    results = "document.querySelectorAll('.md-search-result__item')"
    with browser.Browser() as window:
        window.open(site / "index.html", f"q={query}")
        titles = window.evaluate(
            f"await (async () => {{ while (!{results}.length) await new Promise((next) => setTimeout(next, 20));"
            f" return [...{results}].map((item) => item.textContent); }})()"
        )
        return titles, [problem for problem in window.problems() if problem.startswith("request: http")]


def test_the_site_builds_without_a_warning_loads_nothing_from_elsewhere_and_has_a_search(tmp_path):
    site = built_site(tmp_path / "site")
    loaded = re.compile(
        r"<(?:script|img|iframe|source)[^>]+src=\"?https?:|<link[^>]+stylesheet[^>]+https?:|url\(https?:"
    )
    pages = {page.resolve(): page.read_text("utf-8") for page in site.rglob("*.html")}
    anchors = {page: set(re.findall(r'(?:id|name)="([^"]+)"', text)) for page, text in pages.items()}
    for page, text in pages.items():
        assert loaded.search(text) is None, page
        for target, anchor in re.findall(r'href="([^":#]*)#([^"]+)"', text):
            linked = (page.parent / target).resolve() if target else page
            assert anchor in anchors.get(linked, {anchor}), f"{page.name}: no {target}#{anchor}"
    if browser.find() is not None:
        titles, requests = search(site, "residual+error")
        assert "Residual error" in titles[0]
        assert requests == []
