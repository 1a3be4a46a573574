"""The little Markdown that model cards are written in, as HTML: headings, lists, tables, code, paragraphs.

All text is escaped; nothing in a card becomes markup of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape


def to_html(text: str, first_heading: int = 3) -> str:
    """HTML of a card. first_heading: the level that `#` becomes."""
    found: list[str] = []
    lines = text.splitlines()
    i = 0
    while i < len(lines):
        line = lines[i].strip()
        end = i + 1
        if line.startswith("#"):
            level = len(line) - len(line.lstrip("#"))
            tag = f"h{min(first_heading + level - 1, 6)}"
            found.append(f"<{tag}>{_inline(line.lstrip('#').strip())}</{tag}>")
        elif line.startswith(("* ", "- ")):
            end = _while(lines, i, lambda each: each.startswith(("* ", "- ")))
            found.append("<ul>" + "".join(f"<li>{_inline(each.strip()[2:])}</li>" for each in lines[i:end]) + "</ul>")
        elif line.startswith("|"):
            end = _while(lines, i, lambda each: each.startswith("|"))
            found.append(_table(lines[i:end]))
        elif line:
            end = _while(lines, i, lambda each: bool(each) and not each.startswith(("#", "* ", "- ", "|")))
            found.append(f"<p>{_inline(' '.join(each.strip() for each in lines[i:end]))}</p>")
        i = end
    return "\n".join(found)


def _while(lines: list[str], start: int, same: Callable[[str], bool]) -> int:
    end = start + 1
    while end < len(lines) and same(lines[end].strip()):
        end += 1
    return end


def _table(lines: list[str]) -> str:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if not _is_rule(line)]
    if not rows:
        return ""
    head, body = rows[0], rows[1:]
    html = "<thead><tr>" + "".join(f"<th>{_inline(cell)}</th>" for cell in head) + "</tr></thead><tbody>"
    for row in body:
        html += "<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>"
    return f'<div class="wide"><table>{html}</tbody></table></div>'


def _is_rule(line: str) -> bool:
    return set(line) <= set("|:- ") and "-" in line


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
