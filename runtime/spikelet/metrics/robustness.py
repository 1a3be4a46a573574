"""How much accuracy is left on a faulty device: each fault, at several levels, drawn several times.

For every fault, level and seed one faulty device answers all images. The interval of an accuracy is a percentile
bootstrap over both, devices and images (B. Efron, 1979): resampled 1,000 times, 95 % of the means lie inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.errors import DataError, UsageError
from spikelet.metrics.accuracy import check_labels
from spikelet.metrics.faults import KINDS, Fault, FaultyEngine
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


@dataclass(frozen=True)
class Robustness:
    """What was found. measure: "accuracy", or "agreement" with the sound network where images have no labels.

    sound: the network without a fault, on the same images. seeds: of the faulty devices.
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

    def as_json(self) -> dict[str, Any]:
        """For `--json`, and for the report."""
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
            "sound": _as_json(self.sound) | {"fault": None},
            "faults": [_as_json(each) | {"unit": KINDS[each.fault.kind].unit} for each in self.points],
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
    """Run the images through faulty devices.

    faults: those that are tried; None takes every kind at its levels. seeds: one faulty device each.
    on_progress: called at every time-step with (runs of the images done, in all); what it raises ends the work.
    on_point: called with all that is known, first the sound network alone, then after each fault.

    Raises:
        DataError: no images, or a label that the network has no class for.
        UsageError: more steps than are proven exact, or no seed.
    """
    tried = all_faults() if faults is None else list(faults)
    limit = bundle.manifest.exact_steps
    if not len(data):
        raise DataError(f"{data.name}: holds no images")
    check_labels(data, bundle.graph.classes)
    if limit is not None and steps > limit:
        raise UsageError(f"steps: {steps} asked for, but this bundle is proven exact for {limit} time-steps")
    if not seeds:
        raise UsageError("seeds: expected one or more")
    total = 1 + len(tried) * len(seeds)
    sound = Fault("dropped", 0.0)
    answers = _answers(bundle, sound, 0, data, steps, partial(on_progress, 0, total))
    wanted = answers[-1] if data.labels is None else data.labels
    found = Robustness(
        bundle=bundle.manifest.name,
        digest=bundle.digest,
        data=data.name,
        data_digest=data.digest,
        images=len(data),
        steps=steps,
        seeds=tuple(seeds),
        measure="agreement" if data.labels is None else "accuracy",
        sound=_point(sound, (answers == wanted)[None]),
        points=[],
    )
    on_point(found)
    for index, fault in enumerate(tried):
        right = []
        for number, seed in enumerate(seeds):
            step = partial(on_progress, 1 + index * len(seeds) + number, total)
            right.append(_answers(bundle, fault, seed, data, steps, step) == wanted)
        found = replace(found, points=[*found.points, _point(fault, np.stack(right))])
        on_point(found)
    on_progress(total, total)
    return found


def all_faults(kinds: Sequence[str] = tuple(KINDS)) -> list[Fault]:
    """Every kind at each of its levels."""
    return [Fault(kind, level) for kind in kinds for level in KINDS[kind].levels]


def interval(right: Right, seed: int = 0) -> tuple[list[float], list[float]]:
    """(low, high) of the mean by time-step: a bootstrap over devices and images. right: (S, T, N)."""
    devices, steps, images = right.shape
    source = np.random.default_rng(seed)
    by_device = source.multinomial(devices, np.full(devices, 1 / devices), RESAMPLES)
    by_image = source.multinomial(images, np.full(images, 1 / images), RESAMPLES).astype(np.float32)
    shares = (right.reshape(-1, images).astype(np.float32) @ by_image.T).reshape(devices, steps, RESAMPLES)
    means = np.einsum("stb,bs->tb", shares, by_device) / (devices * images)
    low, high = np.percentile(means, (2.5, 97.5), axis=1)
    return low.tolist(), high.tolist()


def _answers(
    bundle: Bundle, fault: Fault, seed: int, data: ImageSet, steps: int, on_step: Callable[[], None]
) -> npt.NDArray[np.int64]:
    """(T, N) the answer after each time-step. on_step: called before each, of every batch."""
    graph = bundle.graph
    engine = FaultyEngine(graph, fault, seed, bundle.manifest.bits or 32)
    answers = np.zeros((steps, len(data)), np.int64)
    # a broken exponent of a float32 weight may overflow; the answer is then as wrong as it is
    with np.errstate(over="ignore", invalid="ignore"):
        pixels = engine.noisy(data.images)
        for start in range(0, len(data), BATCH):
            part = pixels[start : start + BATCH]
            engine.reset(len(part))
            total = np.zeros((len(part), graph.classes))
            for t in range(steps):
                on_step()
                total += engine.step(part if t == 0 else None)
                answers[t, start : start + len(part)] = total.argmax(1)
    return answers


def _point(fault: Fault, right: Right) -> Point:
    low, high = interval(right)
    by_seed = right.mean(2)
    return Point(fault, by_seed.mean(0).tolist(), low, high, by_seed.tolist())


def _as_json(point: Point) -> dict[str, Any]:
    return {
        "fault": point.fault.kind,
        "level": point.fault.level,
        "accuracy": point.accuracy,
        "low": point.low,
        "high": point.high,
        "by_seed": point.by_seed,
    }
