"""Texts of the window and of the web page use one word for what a user opens, image, and agree with their numbers."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale

import spikelet.deploy.web
import spikelet_gui
from spikelet_gui.views.shell.app import application
from spikelet_gui.views.widgets.controls import Number

OTHER = re.compile(r"\bpictures?\b", re.IGNORECASE)
ICONS = ("picture", "pictures")
NOUNS = re.compile(r" (spiking )?(images|neurons|layers|time-steps|steps|spikes|frames|devices|logits|classes)\b")
BEFORE = ("of ", "–")  # "3 of 1 images" and "0–1 spikes" are not counts of one


@cache
def parsed(path):
    return ast.parse(path.read_text())


def texts(path):
    """Yield the strings of a Python file that are not docstrings."""
    tree = parsed(path)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("language", ["fa_IR", "de_DE"])
def test_numbers_of_fields_are_written_as_all_others(qapp, language):
    """Persian has digits of its own, and German a comma for decimals."""
    system = QLocale()
    QLocale.setDefault(QLocale(language))
    try:
        application()
        field = Number("time-steps")
        field.setMaximum(2000)
        field.setValue(1234)
        assert field.text() == "1234"
    finally:
        QLocale.setDefault(system)


def test_images_have_one_name():
    files = sorted(Path(spikelet_gui.__file__).parent.rglob("*.py"))
    assert len(files) > 100
    wrong = {path.name: text for path in files for text in texts(path) if OTHER.search(text) and text not in ICONS}
    assert wrong == {}
    page = Path(spikelet.deploy.web.__file__).parent / "files" / "page.html"
    visible = re.sub(r"<[^>]*?(?:aria-label=\"([^\"]*)\")?[^>]*>", r" \1 ", page.read_text())
    assert "drop or paste an image" in visible
    assert OTHER.findall(visible) == []


def counts(path):
    """Yield the numbers that a formatted text puts before a noun in the plural."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.JoinedStr):
            for index, (value, text) in enumerate(zip(node.values, node.values[1:], strict=False)):
                before = (
                    node.values[index - 1].value if index and isinstance(node.values[index - 1], ast.Constant) else ""
                )
                plural = isinstance(text, ast.Constant) and NOUNS.match(text.value)
                if isinstance(value, ast.FormattedValue) and plural and not before.endswith(BEFORE):
                    yield ast.unparse(value.value)


def test_one_image_is_not_called_images():
    files = sorted(Path(spikelet_gui.__file__).parent.rglob("*.py"))
    others = {"values[0]", "kind", "IMAGES", "graph.output.scale"}  # not one, or no count
    assert {path.name: wrong for path in files if (wrong := set(counts(path)) - others)} == {}
