"""The verdict of the reader on a file that breaks a rule of docs/bundle.md."""

from __future__ import annotations

SECTIONS = (
    "container", "json", "manifest", "tensors", "names", "graph", "weights", "exactness", "numbers", "golden", "step", "card",
)  # fmt: skip


class Refused(Exception):
    """A file breaks a rule.

    Attributes:
        section: Group of the rule, one of SECTIONS.
    """

    def __init__(self, section: str, text: str) -> None:
        assert section in SECTIONS
        super().__init__(f"{section}: {text}")
        self.section = section


def require(condition: bool, section: str, text: str) -> None:
    """Refuse the file unless the condition holds."""
    if not condition:
        raise Refused(section, text)
