"""The latency of predictions that go on without end, in memory of constant size."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

RECENT = 10_000  # number of images over which the percentiles of the latency are computed


@dataclass
class Summary:
    """Statistics of the predictions, of constant size.

    Attributes:
        images: Number of images classified.
        times: Latency of the most recent images, in ms.
        largest: Largest latency, in ms.
    """

    images: int = 0
    times: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    largest: float = 0.0

    def add(self, ms: float) -> None:
        """Count an image and its latency in ms."""
        self.images += 1
        self.times.append(ms)
        self.largest = max(self.largest, ms)

    def latency(self) -> dict[str, float] | None:
        """Return percentiles in ms, None without images."""
        import numpy as np

        if not self.times:
            return None
        return {f"p{q}": float(np.percentile(self.times, q)) for q in (50, 95, 99)} | {"largest": self.largest}
