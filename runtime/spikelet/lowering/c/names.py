"""Text from a bundle on its way into C. Bundles come from strangers: nothing passes unescaped."""

from __future__ import annotations

import re
from collections.abc import Iterable


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """A C identifier for each node name, all different: what is no letter, digit or _ becomes _.

    Every use puts a word behind it (`conv1_weight`), so that a node called `int` does no harm.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        base = re.sub(r"[^A-Za-z0-9]", "_", name).strip("_") or "node"
        if base[0].isdigit():
            base = f"n{base}"
        identifier, number = base, 2
        while identifier.lower() in taken:
            identifier, number = f"{base}{number}", number + 1
        taken.add(identifier.lower())
        found[name] = identifier
    return found


def string(text: str) -> str:
    """A C string literal with the UTF-8 bytes of `text`; everything but plain characters as three octal digits."""
    plain = frozenset(b" !#$&'()*+,-./:;<=>@[]_`{|}~^") | frozenset(range(48, 58))
    plain |= frozenset(range(65, 91)) | frozenset(range(97, 123))
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'


def comment(text: str) -> str:
    """`text` for the inside of a comment: printable ASCII that cannot end it, nest in it or go on to a next line."""
    shown = "".join(char if " " <= char <= "~" and char not in "\\?" else "_" for char in text)
    return shown.replace("*/", "*_").replace("/*", "_*").replace("//", "__")
