"""Names and defaults of options, in a module that imports nothing; see `spikelet.choices`."""

from __future__ import annotations

from typing import Literal

NirForm = Literal["annotated", "normalised", "expressed"]
NIR_FORMS: tuple[NirForm, ...] = ("annotated", "normalised", "expressed")
TIME_STEP = 1e-4  # seconds, in NIR
SAMPLED_NEURONS = 256  # per layer, in Brian2
TIE_TOLERANCE = 1e-5  # relative; about 170 units in the last place of a float32


def is_code(model: str) -> bool:
    """Return whether the name of a network is FILE.py:NAME, Python code of the user."""
    return ".py:" in model
