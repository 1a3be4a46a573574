"""Convert text from a bundle to C identifiers, strings and comments. Bundles are untrusted: everything is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """Return a unique C identifier for every node name; characters other than letters, digits and _ become _.

    Every use appends a suffix (`conv1_weight`), so that keywords such as `int` are valid node names.
    """
    identifiers: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        base = re.sub(r"[^A-Za-z0-9]", "_", name).strip("_") or "node"
        if base[0].isdigit():
            base = f"n{base}"
        identifier, number = base, 2
        while identifier.lower() in taken:
            identifier, number = f"{base}{number}", number + 1
        taken.add(identifier.lower())
        identifiers[name] = identifier
    return identifiers


def string(text: str) -> str:
    """Return a C string literal with the UTF-8 bytes of `text`; special characters as three octal digits."""
    plain = frozenset(b" !#$&'()*+,-./:;<=>@[]_`{|}~^") | frozenset(range(48, 58))
    plain |= frozenset(range(65, 91)) | frozenset(range(97, 123))
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'


def comment(text: str) -> str:
    """Return `text` for a C comment: printable ASCII that cannot end it, nest in it or continue the line."""
    shown = "".join(char if " " <= char <= "~" and char not in "\\?" else "_" for char in text)
    return shown.replace("*/", "*_").replace("/*", "_*").replace("//", "__")
