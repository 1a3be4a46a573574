"""Checks that calibration images can set thresholds: they differ, and the network distinguishes them."""

from __future__ import annotations

import numpy as np
import torch

from spikelet.data.images import ImageSet
from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet_converters.calibration.analog import Analog, Caps

LEAST = 2  # smallest number of different images
CHECKED = 64  # number of images whose logits are compared
REMEDY = "name a few hundred images of the training data with --calibration"


def check_images(images: ImageSet) -> None:
    """Check the pixels of calibration images.

    Raises:
        ConversionError: All images are equal, or each of them has a single value.
    """
    name = images.name
    if not images.images.size:
        raise ConversionError(f"{name}: has no images to calibrate with; {REMEDY}")
    flat = images.images.reshape(len(images), -1)
    if flat.shape[1] > 1 and (flat == flat[:, :1]).all():
        low, high = flat.min(), flat.max()
        values = f"{low}" if low == high else f"{low}…{high}"
        raise ConversionError(
            f"{name}: every image has a single pixel value ({values}), so that they cannot calibrate; {REMEDY}"
        )
    if (flat == flat[0]).all():
        count = "one image" if len(flat) == 1 else f"{len(flat)} equal images"
        raise ConversionError(f"{name}: {count} cannot calibrate, {LEAST} different ones or more are needed; {REMEDY}")


@torch.no_grad()
def check_logits(graph: Graph, caps: Caps, images: ImageSet) -> None:
    """Check that a network distinguishes calibration images.

    Args:
        graph: float32 graph.
        caps: By layer, upper limit of its activation, or None.
        images: Calibration images.

    Raises:
        ConversionError: The logits of all images are equal.
    """
    analog = Analog(graph)
    logits = analog(torch.from_numpy(images.images[:CHECKED]).float(), analog.rectifier(caps)).numpy()
    if np.ptp(logits, axis=0).max() == 0:
        raise ConversionError(
            f"{images.name}: the network has equal logits for all images, so that they cannot calibrate; check --mean, "
            "--std and --raw-pixels, or name other images with --calibration"
        )
