"""Generated parts of a page: the lines between `<!-- NAME: written by COMMAND -->` and `<!-- /NAME -->`."""

from __future__ import annotations

import re


def with_block(page: str, name: str, content: str) -> str:
    """Return a page with another content of a generated part.

    Args:
        page: Text of the page.
        name: Name of the part.
        content: New lines, each with its end.

    Raises:
        ValueError: The page does not have exactly one part of that name.

    Examples:
        >>> with_block("a\\n<!-- t: written by make t -->\\nold\\n<!-- /t -->\\nb\\n", "t", "new\\n")
        'a\\n<!-- t: written by make t -->\\nnew\\n<!-- /t -->\\nb\\n'
    """
    pattern = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- /{name} -->\n)", re.DOTALL)
    replaced, count = pattern.subn(lambda match: match[1] + content + match[2], page)
    if count != 1:
        raise ValueError(f"expected one part <!-- {name}: … -->, found {count}")
    return replaced
