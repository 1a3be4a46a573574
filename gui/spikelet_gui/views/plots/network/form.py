"""Sizes of the drawing: blocks of one or two lines, as wide and as large as the view permits."""

from __future__ import annotations

from dataclasses import dataclass

READABLE = 0.85  # smallest scale of a drawing that shows everything; a taller drawing scrolls
MIN_SCALE, MAX_SCALE = 0.62, 1.35
MIN_WIDTH, MAX_WIDTH = 190.0, 420.0
COLUMN_GAP, EDGE = 26.0, 6.0
LANE, CHIP_LANE = 16.0, 60.0  # width of a branch without and with a text


@dataclass(frozen=True)
class Form:
    """Sizes of the drawing in its own units.

    Attributes:
        lines: Lines of text in a block.
        height: Height of a block.
        gap: Space between two rows.
        width: Width of a block.
        scale: Pixels at 96 dots per inch per unit.
    """

    lines: int
    height: float
    gap: float
    width: float = MIN_WIDTH
    scale: float = 1.0

    @property
    def pitch(self) -> float:
        """Distance of two rows."""
        return self.height + self.gap


ROOMY, COMPACT = Form(2, 42.0, 13.0), Form(1, 22.0, 6.0)


def form_for(view: tuple[float, float], rows: int, columns: int, beside: float) -> Form:
    """Return the sizes with which a network is readable, if possible without scrolling.

    Args:
        view: Width and height of the view, in pixels at 96 dots per inch.
        rows: Rows of blocks.
        columns: Blocks beside each other.
        beside: Width of the branches, in units.
    """
    width, height = view[0] - 2.0, view[1] - 2.0
    for form in (ROOMY, COMPACT):
        scale = min(height / (rows * form.pitch - form.gap + 2 * EDGE), MAX_SCALE)
        if scale >= READABLE:
            break
    scale = max(scale, READABLE)
    block = (width / scale - beside - 2 * EDGE - (columns - 1) * COLUMN_GAP) / columns
    if block < MIN_WIDTH:  # too many columns: everything becomes smaller, then scrolls
        needed = columns * MIN_WIDTH + (columns - 1) * COLUMN_GAP + beside + 2 * EDGE
        scale = max(MIN_SCALE, width / needed)
    return Form(form.lines, form.height, form.gap, min(max(block, MIN_WIDTH), MAX_WIDTH), scale)
