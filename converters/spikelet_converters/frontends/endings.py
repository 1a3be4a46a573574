"""Functions of the logits at the end of a network, which are omitted, and what may follow them."""

from __future__ import annotations

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.values import AFTER_SOFTMAX, UNSCALED, Ending

SHIFTED = ("log_softmax", "sigmoid", "tanh")  # small probabilities would be lost in a sum


def record(builder: Builder, where: str, ending: Ending, note: str, refusal: str) -> None:
    """Record the function of the logits that a network returns, which is left out.

    Args:
        builder: The graph of the network.
        where: The function in error messages.
        ending: The function.
        note: Why it is left out.
        refusal: Error message for a function that may not follow the one before it.

    Raises:
        ConversionError: It follows another function of which it is no known function, or whose outputs are scaled.
    """
    before = builder.ending
    follows = before == "logits" or (before == "softmax" and ending in AFTER_SOFTMAX.values())
    if (ending == "argmax" and before == "argmax") or (
        ending != "argmax" and (not follows or builder.scale != UNSCALED)
    ):
        raise ConversionError(refusal)
    builder.ending = ending
    builder.scale = UNSCALED
    builder.note(f"{where}: {note}")


def scaled(builder: Builder, gain: float, shift: float, refusal: str) -> None:
    """Record that a network returns gain x + shift of a function x of its logits.

    Args:
        builder: The graph of the network.
        gain: Factor, which must be above 0.
        shift: Summand.
        refusal: Error message for another factor, or a function whose outputs are not compared after a sum.

    Raises:
        ConversionError: The scale may change which output is the largest, or the outputs cannot be compared.
    """
    if gain <= 0 or builder.ending == "argmax" or (shift and builder.ending not in SHIFTED):
        raise ConversionError(refusal)
    before = builder.scale
    builder.scale = before[0] * gain, before[1] * gain + shift
