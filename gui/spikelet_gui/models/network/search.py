"""Search of the network."""

from __future__ import annotations


def matches(text: str, *fields: str) -> bool:
    """Return whether every word of a search occurs in one of the fields; case is ignored."""
    searched = " ".join(fields).casefold()
    return all(word in searched for word in text.casefold().split())
