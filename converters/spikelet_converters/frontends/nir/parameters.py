"""Check the parameters of NIR's nodes: numbers by neuron as numbers by channel, and sizes of windows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.frontends.values import Factor


def by_channel(where: str, name: str, value: npt.ArrayLike, shape: Shape) -> Factor:
    """Return a parameter of neurons as one number per channel, (C,).

    Args:
        where: The node in error messages.
        name: Name of the parameter.
        value: One number, one per channel, also with more axes of 1, or one per neuron; it may have a batch axis of 1.
        shape: Shape of the neurons, (C, H, W), (C, 1, L) of a line (C, L), or (F,).

    Raises:
        ConversionError: It contains NaN or infinity, has another shape, or differs within a channel.
    """
    array: npt.NDArray[np.float64] = np.asarray(value, np.float64)
    channels = shape[0]
    if not np.isfinite(array).all():
        raise ConversionError(f"{where}: {name} contains NaN or infinity; expected finite numbers")
    if array.size == 1:
        return np.full(channels, array.ravel()[0])
    if array.size == array.shape[0] == channels:
        return array.ravel()
    given = array.shape
    while array.ndim > 1 and array.shape[0] == 1 and channels != 1:
        array = array[0]
    while array.ndim > len(shape):
        array = array[0] if len(array) == 1 else array.ravel()  # one axis for more than a batch of one
    if len(shape) == 3 and shape[1] == 1 and array.shape == (channels, shape[2]):
        array = array[:, None]  # of a line (C, L)
    fits = array.ndim in (1, len(shape)) and all(size in (1, full) for size, full in zip(array.shape, shape))  # noqa: B905
    if not fits or array.shape[0] != channels:
        raise ConversionError(
            f"{where}: {name} has shape {given}, its input {shape}; expected one number, one per channel, or one per "
            "neuron"
        )
    rows = array.reshape(channels, -1)
    if (rows != rows[:, :1]).any():
        raise ConversionError(
            f"{where}: {name} differs within a channel; expected one value per channel, or the node after a Flatten, "
            "where every neuron is a channel"
        )
    return rows[:, 0].copy()


def whole(where: str, name: str, value: npt.ArrayLike, axes: int, least: int) -> tuple[int, ...]:
    """Return whole numbers of at least `least`, one per axis; one number is that of every axis.

    Raises:
        ConversionError: There are more numbers than axes, or one is smaller, infinite or no whole number.
    """
    array = np.ravel(value)
    numbers = tuple(int(number) if np.isfinite(number) else least - 1 for number in array)
    if len(numbers) not in (1, axes) or min(numbers) < least or (array != numbers).any():
        numbers_text = ", ".join(f"{number:g}" for number in array) or "empty"
        one_or_more = "one number" if axes == 1 else f"one number, or {axes}"
        raise ConversionError(f"{where}: {name} is {numbers_text}; expected {one_or_more}, whole and at least {least}")
    return numbers * axes if len(numbers) == 1 else numbers
