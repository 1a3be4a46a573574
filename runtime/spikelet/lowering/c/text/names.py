"""Convert text from a bundle to C identifiers, strings and comments. Bundles are untrusted: everything is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable

MAX_LENGTH = 48  # C99 compilers need only distinguish 63 characters; a number, a prefix and a suffix are added


def identifiers(names: Iterable[str]) -> dict[str, str]:
    """Return a C identifier for every node name.

    Identifiers consist of letters, digits and underscores, and differ by more than case. They begin with a letter and
    do not end with an underscore. Generated code never uses an identifier by itself: it forms `run_conv1` and, with a
    suffix that contains no underscore, `conv1_weight`. Two such names are equal only if both parts are equal, and node
    names such as `int` or `memset` are valid.
    """
    identifiers: dict[str, str] = {}
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    for name in names:
        base = re.sub(r"[^A-Za-z0-9]", "_", name)[:MAX_LENGTH].strip("_") or "node"
        if base[0].isdigit():
            base = f"n{base}"
        identifier, number = base, numbers.get(base.lower(), 1)
        while identifier.lower() in taken:
            number += 1
            identifier = f"{base}{number}"
        numbers[base.lower()] = number
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
    printable = "".join(char if " " <= char <= "~" and char not in "\\?" else "_" for char in text)
    return printable.replace("*/", "*_").replace("/*", "_*").replace("//", "__")
