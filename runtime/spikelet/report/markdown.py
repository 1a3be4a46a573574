"""Convert the Markdown of model cards to HTML: headings, lists, tables, code and paragraphs.

All text is escaped; a card cannot contain HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from spikelet import escapes

SEPARATOR = re.compile(r"(?<!\\)\|")  # of cells
FIRST_HEADING = 3  # level of the heading for `#`
_CODE_OR_ESCAPE = re.compile(f"`([^`]+)`|{escapes.ESCAPED.pattern}")


def to_html(text: str) -> str:
    """Convert a card to HTML."""
    parts: list[str] = []
    lines = text.splitlines()
    i = 0
    while i < len(lines):
        line = lines[i].strip()
        end = i + 1
        if line.startswith("#"):
            level = len(line) - len(line.lstrip("#"))
            tag = f"h{min(FIRST_HEADING + level - 1, 6)}"
            parts.append(f"<{tag}>{_inline(line.lstrip('#').strip())}</{tag}>")
        elif line.startswith(("* ", "- ")):
            end = _while(lines, i, lambda row: row.startswith(("* ", "- ")))
            parts.append("<ul>" + "".join(f"<li>{_inline(row.strip()[2:])}</li>" for row in lines[i:end]) + "</ul>")
        elif line.startswith("|"):
            end = _while(lines, i, lambda row: row.startswith("|"))
            parts.append(_table(lines[i:end]))
        elif line:
            end = _while(lines, i, lambda row: bool(row) and not row.startswith(("#", "* ", "- ", "|")))
            parts.append(f"<p>{_inline(' '.join(row.strip() for row in lines[i:end]))}</p>")
        i = end
    return "\n".join(parts)


def _while(lines: list[str], start: int, same: Callable[[str], bool]) -> int:
    end = start + 1
    while end < len(lines) and same(lines[end].strip()):
        end += 1
    return end


def _table(lines: list[str]) -> str:
    rows = [_cells(line.strip()) for line in lines if not _is_rule(line)]
    if not rows:
        return ""
    head, body = rows[0], rows[1:]
    html = "<thead><tr>" + "".join(f"<th>{_inline(cell)}</th>" for cell in head) + "</tr></thead><tbody>"
    for row in body:
        html += "<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>"
    return f'<div class="wide"><table>{html}</tbody></table></div>'


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in SEPARATOR.split(line.removeprefix("|").removesuffix("|"))]


def _is_rule(line: str) -> bool:
    return set(line) <= set("|:- ") and "-" in line


def _inline(text: str) -> str:
    parts, position = [], 0
    for match in _CODE_OR_ESCAPE.finditer(text):
        parts.append(escape(text[position : match.start()]))
        code = match[1]
        parts.append(f"<code>{escape(code)}</code>" if code else escape(escapes.without_escapes(match[0])))
        position = match.end()
    return "".join(parts) + escape(text[position:])
