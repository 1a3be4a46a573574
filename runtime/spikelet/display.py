"""Short texts and tables for interactive sessions: `repr` and the HTML of notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

SHOWN = 6  # names in a line


def line(kind: str, title: str, facts: Mapping[str, object]) -> str:
    """Return one line, `<kind title: key value, …>`, without the line breaks of any text."""
    parts = ", ".join(f"{key} {value}".strip() for key, value in facts.items())
    return " ".join(f"<{kind}{f' {title}' if title else ''}: {parts}>".split())


def html(title: str, facts: Mapping[str, object]) -> str:
    """Return a table of facts for a notebook; every text is escaped."""
    rows = "".join(f"<tr><th>{escape(key)}</th><td>{escape(str(value))}</td></tr>" for key, value in facts.items())
    return f"<table><caption>{escape(title)}</caption>{rows}</table>"


def size(shape: tuple[int, ...]) -> str:
    """Return a shape such as 3×32×32."""
    return "×".join(map(str, shape))


def several(names: tuple[str, ...]) -> str:
    """Return names in a line; of many, the first ones and their number."""
    if len(names) <= SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:SHOWN])}, … ({len(names)})"
