"""Select kernels from the C files of this folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def select(file: str, wanted: str, variants: Mapping[str, Sequence[str]]) -> str:
    """Return the parts of `file` that the C text `wanted` uses, directly or indirectly, in the order of the file.

    Parts begin with `/* part: NAME */`. A part whose NAME contains a key of `variants`, such as @X@, is a template with
    one part for every value of the key.
    """
    parts: list[tuple[str, str]] = []
    text = resources.files(__package__).joinpath(file).read_text("utf-8")
    for piece in text.split("/* part: ")[1:]:
        name, _, body = piece.partition(" */\n")
        key = next((key for key in variants if key in name), "")
        for value in variants.get(key, [""]):
            parts.append((name.replace(key, value), body.replace(key, value)) if key else (name, body))
    needed = set(WORD.findall(wanted))
    for name, body in reversed(parts):  # a part uses only what stands before it
        if name in needed:
            needed |= set(WORD.findall(body))
    return "\n".join(body.strip() + "\n" for name, body in parts if name in needed)
