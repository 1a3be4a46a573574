"""Texts of the window and of the web page use one word for what a user opens: image."""

import ast
import re
from pathlib import Path

import spikelet.deploy.web
import spikelet_gui

OTHER = re.compile(r"\bpictures?\b", re.IGNORECASE)
ICONS = ("picture", "pictures")


def texts(path):
    """Yield the strings of a Python file that are not docstrings."""
    tree = ast.parse(path.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_images_have_one_name():
    files = sorted(Path(spikelet_gui.__file__).parent.rglob("*.py"))
    assert len(files) > 100
    wrong = {path.name: text for path in files for text in texts(path) if OTHER.search(text) and text not in ICONS}
    assert wrong == {}
    page = Path(spikelet.deploy.web.__file__).parent / "files" / "page.html"
    visible = re.sub(r"<[^>]*?(?:aria-label=\"([^\"]*)\")?[^>]*>", r" \1 ", page.read_text())
    assert "drop or paste an image" in visible
    assert OTHER.findall(visible) == []
