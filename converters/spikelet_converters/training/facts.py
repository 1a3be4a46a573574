"""Properties of a data set that determine fields of a network specification."""

from __future__ import annotations

import numpy as np

from spikelet.data.images import ImageSet


def image_facts(data: ImageSet) -> dict[str, object]:
    """Return shape, classes, and whole-number mean and standard deviation per channel, as fields of a NetworkSpec."""
    pixels = data.images[:: max(1, len(data) // 10_000)].astype(np.float32)
    return {
        "shape": data.shape,
        "classes": data.class_count,
        "mean": tuple(round(float(m)) for m in pixels.mean((0, 2, 3))),
        "std": tuple(float(max(round(float(s)), 1)) for s in pixels.std((0, 2, 3))),
    }
