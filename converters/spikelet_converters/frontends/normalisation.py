"""The factor and summand of a normalisation by constants, of any source format."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends.construction import check_finite
from spikelet_converters.frontends.values import Factor


def normalisation(
    where: str, mean: Factor, var: Factor, eps: float, gamma: Factor | None, beta: Factor | None
) -> tuple[Factor, Factor]:
    """Return (gain, shift) of gamma (x - mean) / sqrt(var + eps) + beta = gain x + shift, (C,) each.

    Args:
        where: The layer in error messages.
        mean: Mean of each channel, (C,).
        var: Variance of each channel, (C,).
        eps: Number added to the variance.
        gamma: Weight of each channel, (C,), or None for 1.
        beta: Bias of each channel, (C,), or None for 0.

    Raises:
        ConversionError: A number is not finite, or a variance is not above -eps.

    Examples:
        >>> gain, shift = normalisation("bn", np.array([2.0]), np.array([4.0]), 0.0, None, np.array([1.0]))
        >>> gain.item(), shift.item()
        (0.5, 0.0)
    """
    check_finite(where, mean, var, gamma, beta)
    if not (var + eps > 0).all():
        raise ConversionError(
            f"{where}: has a variance of {var.min():g} with eps = {eps:g}; expected a sum above 0; train the network "
            "again, or set eps to a positive number"
        )
    gain = 1 / np.sqrt(var + eps)
    shift = -mean * gain
    if gamma is not None:
        gain, shift = gain * gamma, shift * gamma
    return gain, shift if beta is None else shift + beta
