"""Measure the setting of a plan on images on which it was not chosen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from spikelet import options
from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.engines import choose as choose_engine
from spikelet.errors import DataError, UsageError
from spikelet.metrics.hardware import Profile
from spikelet_converters.conversion.copies import with_copies
from spikelet_converters.planning.measure import count
from spikelet_converters.planning.plan import Plan, check_plan, own_copies
from spikelet_converters.planning.settings import Budget, Point


def confirm(
    bundle: Bundle,
    result: Plan,
    data: ImageSet,
    *,
    profile: Profile | None = None,
    engine: str = "auto",
    threads: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Point:
    """Measure the setting that a plan chose on other images.

    Args:
        bundle: The bundle of the plan.
        result: The plan.
        data: Images with labels on which the setting was not chosen, see `without`.
        profile: Hardware profile of the energy, or None.
        engine: Name of the engine, or "auto".
        threads: Number of threads; None for the default of the engine.
        on_progress: Called with (images done, number of images).

    Raises:
        UsageError: The plan has no chosen setting, or chose it on these images.
        DataError: The images have no labels, or do not fit the network.

    Examples:
        >>> from spikelet import bundle, shipped
        >>> from spikelet_converters.planning.plan import plan
        >>> network = bundle.read(shipped.named("vgg5-fashion-mnist"))
        >>> images = shipped.images_for((1, 28, 28), None)
        >>> first, others = images.take(slice(0, 20)), images.take(slice(20, 40))
        >>> result = plan(network, first, copies=[1], steps=2, early_exit=False, engine="numpy")
        >>> confirm(network, result, others, engine="numpy").setting == result.chosen.setting
        True
    """
    options.instance("result", result, Plan)
    options.instance("data", data, ImageSet)
    if result.chosen is None:
        raise UsageError("there is no setting to confirm: none is within the budget")
    if data.digest == result.data_digest:
        raise UsageError(f"{data.name}: the setting was chosen on these images; a confirmation needs others")
    check_plan(bundle, data, Budget(), profile, result.start)
    setting = result.chosen.setting
    bundle_copies = own_copies(bundle.graph)
    graph = bundle.graph if setting.copies == bundle_copies else with_copies(bundle.graph, setting.copies, result.start)
    selected = choose_engine(graph, engine, steps=setting.steps)
    counted = count(graph, setting.copies, data, setting.steps, selected, threads, profile, False, on_progress)
    return counted.points([setting])[0]


def without(data: ImageSet, others: ImageSet) -> ImageSet:
    """Return the images that are not among others, pixel for pixel.

    Raises:
        DataError: None is left.
    """
    seen = {image.tobytes() for image in others.images}
    kept = np.array([i for i, image in enumerate(data.images) if image.tobytes() not in seen], np.intp)
    if not len(kept):
        raise DataError(f"{data.name}: the setting was chosen on all {len(data):,} images; a confirmation needs others")
    return data.take(kept)
