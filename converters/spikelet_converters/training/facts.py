"""Properties of a data set that determine fields of a network specification."""

from __future__ import annotations

import numpy as np

from spikelet.data.images import ImageSet
from spikelet.errors import DataError


def image_facts(data: ImageSet) -> dict[str, object]:
    """Return shape, classes, and whole-number mean and standard deviation per channel, as fields of a NetworkSpec.

    Raises:
        DataError: The images have no channels, or a class has no images.
    """
    if len(data.shape) != 3:
        raise DataError(f"{data.name}: expected images (C, H, W), found {data.shape}")
    if data.labels is not None:
        empty = np.setdiff1d(np.arange(data.class_count), data.labels)
        if len(empty):
            first = data.classes[empty[0]] if data.classes is not None else f"{empty[0]}"
            one_based = data.classes is None and list(empty) == [0]
            remedy = "if the labels begin with 1, subtract 1" if one_based else "add images, or leave the class out"
            raise DataError(f"{data.name}: the class {first} has no images; {remedy}")
    pixels = data.images[:: max(1, len(data) // 10_000)].astype(np.float32)
    return {
        "shape": data.shape,
        "classes": data.class_count,
        "mean": tuple(round(float(m)) for m in pixels.mean((0, 2, 3))),
        "std": tuple(float(max(round(float(s)), 1)) for s in pixels.std((0, 2, 3))),
    }
