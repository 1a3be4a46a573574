"""Checks of the arguments of the importers, before torch sees them."""

from __future__ import annotations

from spikelet import options
from spikelet.errors import UsageError
from spikelet_converters.frontends.source import Preprocessing

AXES = 4  # largest number of axes of one input


def check_shape(shape: object) -> None:
    """Check that the shape of one input is a tuple or list of whole numbers of 1 or more.

    Raises:
        UsageError: It is not.
    """
    sizes = shape if isinstance(shape, list | tuple) else ()
    if not 1 <= len(sizes) <= AXES or not all(type(size) is int and size > 0 for size in sizes):
        raise UsageError(
            f"shape: expected (F,), (C, L), (C, H, W) or (H, W) of one input, found {options.shown(shape)}"
        )


def check_preprocessing(preprocessing: object) -> Preprocessing:
    """Return the normalisation, by default pixel / 255.

    Raises:
        UsageError: It is neither a Preprocessing nor None.
    """
    if preprocessing is None:
        return Preprocessing()
    options.instance("preprocessing", preprocessing, Preprocessing)
    assert isinstance(preprocessing, Preprocessing)
    return preprocessing


def check_output(output: object) -> str | None:
    """Return the index or key of an output as text, or None.

    Raises:
        UsageError: It is neither a text nor a whole number of 0 or more.
    """
    if output is None or isinstance(output, str):
        return output
    return str(options.whole("output", output, 0))
