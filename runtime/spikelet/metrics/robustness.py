"""Measure the accuracy on faulty devices, for every fault, level and seed.

One faulty device classifies all images for every fault, level and seed. The interval of an accuracy is a percentile
bootstrap over both, devices and images (B. Efron, 1979): resampled 1,000 times, 95 % of the means lie inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from spikelet.bounds.limits import Limits
from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.engines import run
from spikelet.errors import DataError, UsageError
from spikelet.inputs import as_sequence, resolve_steps
from spikelet.metrics.accuracy import check_labels
from spikelet.metrics.faults import KINDS, Fault, FaultyEngine
from spikelet.products import product
from spikelet.version import __version__

BATCH = 32
RESAMPLES = 1_000
SEEDS = 3
Right = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Point:
    """One fault at one level. accuracy, low, high: by time-step, (T,). by_seed: (S, T)."""

    fault: Fault
    accuracy: list[float]
    low: list[float]
    high: list[float]
    by_seed: list[list[float]]


class FaultPoint(TypedDict):
    """A `Point` in JSON. fault: None for the network without faults."""

    fault: str | None
    level: float
    accuracy: list[float]
    low: list[float]
    high: list[float]
    by_seed: list[list[float]]


class FaultPointWithUnit(FaultPoint):
    """The result of a fault in JSON. unit: unit of its level."""

    unit: str


class FaultFacts(TypedDict):
    """The result of a fault sweep in JSON."""

    bundle: str
    bundle_digest: str
    data: str
    data_digest: str
    images: int
    steps: int
    seeds: list[int]
    measure: str
    interval: str
    version: str
    sound: FaultPoint
    faults: list[FaultPointWithUnit]


@dataclass(frozen=True)
class Robustness:
    """The result of a fault sweep.

    Attributes:
        measure: "accuracy", or "agreement" with the fault-free network if the images have no labels.
        sound: the network without faults, on the same images.
        seeds: seeds of the faulty devices.
        points: results by fault and level.
    """

    bundle: str
    digest: str
    data: str
    data_digest: str
    images: int
    steps: int
    seeds: tuple[int, ...]
    measure: str
    sound: Point
    points: list[Point]

    def as_json(self) -> FaultFacts:
        """Convert to a JSON object, for `--json` and the report."""
        return {
            "bundle": self.bundle,
            "bundle_digest": self.digest,
            "data": self.data,
            "data_digest": self.data_digest,
            "images": self.images,
            "steps": self.steps,
            "seeds": list(self.seeds),
            "measure": self.measure,
            "interval": f"bootstrap over devices and images, 95 %, {RESAMPLES} resamples",
            "version": __version__,
            "sound": {**_as_json(self.sound), "fault": None},
            "faults": [{**_as_json(point), "unit": KINDS[point.fault.kind].unit} for point in self.points],
        }


def robustness(
    bundle: Bundle,
    data: ImageSet,
    steps: int,
    faults: Sequence[Fault] | None = None,
    seeds: Sequence[int] = tuple(range(SEEDS)),
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_point: Callable[[Robustness], None] = lambda so_far: None,
) -> Robustness:
    """Run the images on faulty devices.

    Args:
        bundle: the bundle.
        data: the images.
        steps: T.
        faults: faults and levels; None: every kind at its default levels.
        seeds: seeds of the faulty devices, one device per seed.
        on_progress: called at every time-step with (devices done, number of devices); an exception ends the run.
        on_point: called with the results so far, first for the fault-free network, then after each fault.

    Raises:
        DataError: no images, or a label that the network has no class for.
        UsageError: `steps` exceeds the number of time-steps that are proven exact, or there is no seed.
    """
    tried = all_faults() if faults is None else list(faults)
    if not len(data):
        raise DataError(f"{data.name}: holds no images")
    check_labels(data, bundle.graph.classes)
    as_sequence(bundle.graph, data.images)
    steps = resolve_steps(steps, 1, bundle.manifest.exact_steps)
    if not seeds:
        raise UsageError("seeds: expected one or more")
    total = 1 + len(tried) * len(seeds)
    # predictions, and the accuracies of the resampled means
    held = len(seeds) * steps * (9 * len(data) + 24 * RESAMPLES)
    Limits().check(f"predictions of {len(data)} images on {len(seeds)} devices in {steps} time-steps", held)
    sound = Fault("dropped", 0.0)
    predictions = _predictions(bundle, sound, 0, data, steps, partial(on_progress, 0, total))
    expected = predictions[-1] if data.labels is None else data.labels
    result = Robustness(
        bundle=bundle.manifest.name,
        digest=bundle.digest,
        data=data.name,
        data_digest=data.digest,
        images=len(data),
        steps=steps,
        seeds=tuple(seeds),
        measure="agreement" if data.labels is None else "accuracy",
        sound=_point(sound, (predictions == expected)[None]),
        points=[],
    )
    on_point(result)
    for index, fault in enumerate(tried):
        right = []
        for number, seed in enumerate(seeds):
            step = partial(on_progress, 1 + index * len(seeds) + number, total)
            right.append(_predictions(bundle, fault, seed, data, steps, step) == expected)
        result = replace(result, points=[*result.points, _point(fault, np.stack(right))])
        on_point(result)
    on_progress(total, total)
    return result


def all_faults(kinds: Sequence[str] = tuple(KINDS)) -> list[Fault]:
    """List every kind at its default levels."""
    return [Fault(kind, level) for kind in kinds for level in KINDS[kind].levels]


def interval(right: Right, seed: int = 0) -> tuple[list[float], list[float]]:
    """Compute (low, high) of the mean at each time-step by a bootstrap over devices and images. right: (S, T, N)."""
    devices, steps, images = right.shape
    source = np.random.default_rng(seed)
    by_device = source.multinomial(devices, np.full(devices, 1 / devices), RESAMPLES)
    by_image = source.multinomial(images, np.full(images, 1 / images), RESAMPLES).astype(np.float32)
    shares = product(right.reshape(-1, images).astype(np.float32), by_image.T).reshape(devices, steps, RESAMPLES)
    means = np.einsum("stb,bs->tb", shares, by_device) / (devices * images)
    low, high = np.percentile(means, (2.5, 97.5), axis=1)
    return low.tolist(), high.tolist()


def _predictions(
    bundle: Bundle, fault: Fault, seed: int, data: ImageSet, steps: int, on_step: Callable[[], None]
) -> npt.NDArray[np.int64]:
    """Classify the images on one faulty device: (T, N). on_step: called after every time-step of every batch."""
    graph = bundle.graph
    engine = FaultyEngine(graph, fault, seed, bundle.manifest.bits or 32)
    predictions = np.zeros((steps, len(data)), np.int64)
    # a flipped exponent bit of a float32 weight may cause an overflow
    with np.errstate(over="ignore", invalid="ignore"):
        pixels = engine.noisy(data.images)
        size = engine.fitting(BATCH)
        for start in range(0, len(data), size):
            part = pixels[start : start + size]
            total = np.zeros((len(part), graph.classes))
            for t, logits in run(engine, part[None], steps):
                on_step()
                total += logits
                predictions[t, start : start + len(part)] = total.argmax(1)
    return predictions


def _point(fault: Fault, right: Right) -> Point:
    low, high = interval(right)
    by_seed = right.mean(2)
    return Point(fault, by_seed.mean(0).tolist(), low, high, by_seed.tolist())


def _as_json(point: Point) -> FaultPoint:
    return {
        "fault": point.fault.kind,
        "level": point.fault.level,
        "accuracy": point.accuracy,
        "low": point.low,
        "high": point.high,
        "by_seed": point.by_seed,
    }
