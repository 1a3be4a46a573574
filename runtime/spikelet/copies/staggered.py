"""Copies whose initial potentials are staggered evenly, as conversion sets them.

Let the copies of a neuron start at v_i = floor((a + i theta) / k), i = 0…k-1, for an integer a. Then k v_i - i theta is
in a - (k-1)…a for every copy, so these numbers differ by less than k. Conversely, if they differ by less than k, their
maximum is such an a. With ceil in place of floor, a is their minimum.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.nodes import IF

Whole = npt.NDArray[np.int64]


def staggered(node: IF) -> tuple[Whole, Whole] | None:
    """Return the least and the largest k v_i - i theta of each channel, or None if the copies are not staggered.

    Args:
        node: A layer with integer thresholds and initial potentials.

    Returns:
        Two arrays (C,), a with ceil and with floor; None if they differ by k or more in a channel.
    """
    k, theta = node.copies, node.theta.astype(np.int64)
    starts = k * node.v_init.astype(np.int64).reshape(-1, k) - np.arange(k) * theta[:, None]
    least, largest = starts.min(axis=1), starts.max(axis=1)
    return None if (largest - least >= k).any() else (least, largest)
