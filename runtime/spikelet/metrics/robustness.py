"""Measure the accuracy on faulty devices.

For every fault, level and seed, one faulty device classifies all images. Accuracies have Wilson's interval, as
everywhere in spikelet; `interval` computes its number of independent predictions from devices and images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Bundle
from spikelet.choices import FAULT_SEEDS
from spikelet.data import ImageSet
from spikelet.engines import run
from spikelet.errors import DataError, UsageError
from spikelet.inputs import ENGINE_BATCH, as_sequence, resolve_steps
from spikelet.limits import Limits
from spikelet.metrics.accuracy import check_labels, wilson
from spikelet.metrics.fault_results import Point, Robustness
from spikelet.metrics.faults import KINDS, Fault, FaultyEngine
from spikelet.options import function, instance, instances, whole

Right = npt.NDArray[np.bool_]


def robustness(
    bundle: Bundle,
    data: ImageSet,
    steps: int | None,
    faults: Sequence[Fault] | None = None,
    seeds: Sequence[int] = tuple(range(FAULT_SEEDS)),
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_point: Callable[[Robustness], None] = lambda so_far: None,
) -> Robustness:
    """Run the images on faulty devices.

    Args:
        bundle: The bundle.
        data: The images.
        steps: T; None for that of the bundle.
        faults: Faults and levels; None: every kind at its default levels.
        seeds: Seeds of the faulty devices, one device per seed.
        on_progress: Called at every time-step with (devices done, number of devices); an exception ends the run.
        on_point: Called with the results so far, first for the fault-free network, then after each fault.

    Raises:
        DataError: There are no images, or a label is out of range.
        UsageError: `steps` exceeds the number of time-steps that are proven exact, or there is no seed.
    """
    instance("bundle", bundle, Bundle)
    instance("data", data, ImageSet)
    faults = all_faults() if faults is None else faults
    seeds = tuple(seeds) if isinstance(seeds, range) else seeds
    _check_devices(faults, seeds)
    function("on_progress", on_progress)
    function("on_point", on_point)
    if not len(data):
        raise DataError(f"{data.name}: contains no images")
    check_labels(data, bundle.graph.classes)
    as_sequence(bundle.graph, data.images)
    steps = resolve_steps(steps, 1, bundle.step_limit, default=bundle.default_steps)
    total = 1 + len(faults) * len(seeds)
    size = len(seeds) * steps * 9 * len(data)  # bytes of the predictions, and whether they are right
    Limits().check(f"predictions of {len(data)} images on {len(seeds)} devices in {steps} time-steps", size)
    fault_free = Fault("dropped", 0.0)
    predictions = _predictions(bundle, fault_free, 0, data, steps, partial(on_progress, 0, total))
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
        fault_free=_point(fault_free, (predictions == expected)[None]),
        points=[],
    )
    on_point(result)
    for index, fault in enumerate(faults):
        right = []
        for number, seed in enumerate(seeds):
            step = partial(on_progress, 1 + index * len(seeds) + number, total)
            right.append(_predictions(bundle, fault, seed, data, steps, step) == expected)
        result = replace(result, points=[*result.points, _point(fault, np.stack(right))])
        on_point(result)
    on_progress(total, total)
    return result


def _check_devices(faults: Sequence[Fault], seeds: Sequence[int]) -> None:
    """Raise UsageError unless these are different faults, and one or more different seeds of 0 or more."""
    instances("faults", faults, Fault)
    instances("seeds", seeds, int)
    if not seeds:
        raise UsageError("seeds: expected one or more")
    for seed in seeds:
        whole("seed", seed, 0)
    for name, values in (("seeds", seeds), ("faults", faults)):
        if len(set(values)) < len(values):  # equal devices would narrow the interval
            repeated = next(value for value in values if values.count(value) > 1)
            raise UsageError(f"{name}: {repeated} is given twice; expected different {name}")


def all_faults(kinds: Sequence[str] = tuple(KINDS)) -> list[Fault]:
    """List every kind at its default levels."""
    return [Fault(kind, level) for kind in kinds for level in KINDS[kind].levels]


def interval(right: Right) -> tuple[list[float], list[float]]:
    """Compute Wilson's interval of the accuracy at each time-step, (low, high).

    Several devices classify the same images, so their predictions are not independent. The variance of the mean is the
    sum of the variances between images and between devices. The interval is that of the number of independent
    predictions with the same variance. For one device this is the number of images, as in `accuracy.wilson`.

    Args:
        right: (S, T, N) bool, whether the prediction of a device for an image at a time-step is right.
    """
    devices, _, images = right.shape
    means = right.mean(axis=(0, 2))
    variance = right.mean(axis=0).var(axis=1) / images
    if devices > 1:
        variance = variance + right.mean(axis=2).var(axis=0, ddof=1) / devices
    bounds = []
    for mean, spread in zip(means.tolist(), variance.tolist(), strict=True):
        independent = mean * (1 - mean) / spread if spread > 0 else float(images)
        independent = min(independent, float(devices * images))
        bounds.append(wilson(mean * independent, independent))
    low, high = zip(*bounds, strict=True)
    return list(low), list(high)


def _predictions(
    bundle: Bundle, fault: Fault, seed: int, data: ImageSet, steps: int, on_step: Callable[[], None]
) -> npt.NDArray[np.int64]:
    """Return the predictions of one faulty device, (T, N). on_step: called after every time-step of every batch."""
    graph = bundle.graph
    engine = FaultyEngine(graph, fault, seed, bundle.manifest.bits or 32)
    engine.widen(steps)
    predictions = np.zeros((steps, len(data)), np.int64)
    # a flipped exponent bit of a float32 weight may cause an overflow
    with np.errstate(over="ignore", invalid="ignore"):
        pixels = engine.noisy(data.images)
        size = engine.fitting(ENGINE_BATCH)
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
