"""Explain where a calibrated network loses accuracy, and try other settings for advice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from spikelet.bundle import Bundle
from spikelet.choices import MAX_COPIES
from spikelet.data.images import ImageSet
from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.calibration.loss import POINT, Loss, advice, agreement, losses, trials
from spikelet_converters.conversion.calibrated import CalibratedNetwork, Calibration, calibrated
from spikelet_converters.conversion.fitting import fitted
from spikelet_converters.conversion.folding import folded
from spikelet_converters.conversion.measured import measured
from spikelet_converters.frontends import Source

LOSS_IMAGES = 50  # number of images for the loss by layer
FINER_BITS = 10  # bits of the weights in a trial for advice


def explain(bundle: Bundle, network: CalibratedNetwork, calibration: Calibration, source: Source) -> None:
    """Add agreement by layer and advice to the conversion report in the manifest.

    Args:
        bundle: The converted bundle, whose manifest is changed.
        network: The calibrated network, before rounding.
        calibration: Settings of the calibration.
        source: The imported network.
    """
    images = calibration.images.images[:LOSS_IMAGES]
    by_layer = losses(
        network.graph, network.caps, torch.from_numpy(images).float(), calibration.steps, network.uncorrected
    )
    for entry, loss in zip(bundle.manifest.conversion["layers"], by_layer, strict=True):
        entry["agreement_through"], entry["clipped"] = loss.through, loss.clipped
    lost = 1 - by_layer[-1].through
    result = next(iter(bundle.manifest.results), {})
    if "accuracy" in result:
        lost = result["float_accuracy"] - result["accuracy_before_quantisation"][-1]
    sentences: list[str] = []
    if lost > POINT:
        sentences = _trial_advice(source, by_layer, network, calibration, bundle.manifest.bits)
    bundle.manifest.conversion["advice"] = sentences
    bundle.manifest.conversion["notes"] = [*source.notes, *bundle.manifest.conversion.get("notes", [])]


def _trial_advice(
    source: Source, by_layer: list[Loss], network: CalibratedNetwork, calibration: Calibration, bits: int | None
) -> list[str]:
    """Calibrate with other settings, and return advice from the agreement on the calibration images."""
    pixels = torch.from_numpy(calibration.images.images).float()
    before = _agreement(network, pixels, calibration.steps)
    attempts = []
    for trial in trials(by_layer, calibration.steps):
        changed = replace(calibration, **trial.changes)  # type: ignore[arg-type]  # fields of the calibration
        attempts.append((trial.option, _agreement(calibrated(source, changed), pixels, changed.steps)))
    if source.other_pools:
        attempts += _with_other_pools(source, network, calibration, pixels, bits)
    return advice(by_layer, before, attempts)


def _agreement(
    network: CalibratedNetwork, pixels: torch.Tensor, steps: int, predictions: torch.Tensor | None = None
) -> float:
    return agreement(network.graph, network.caps, pixels, steps, network.uncorrected, predictions)


def _with_other_pools(
    source: Source, max_pooled: CalibratedNetwork, calibration: Calibration, pixels: torch.Tensor, bits: int | None
) -> list[tuple[str, float]]:
    """Convert with other forms of max pools, and with copies at T = 1, where an OR of spikes is the maximum.

    Args:
        source: The imported network.
        max_pooled: The calibrated network.
        calibration: Settings of the calibration.
        pixels: (N, *shape).
        bits: Bits of the weights, None for float32.

    Returns:
        The options and the shares of images with the prediction of `max_pooled`, without the forms in which the network
        cannot be converted.
    """
    attempts = []
    analog = Analog(max_pooled.uncorrected)
    with torch.no_grad():
        predictions = analog(pixels, analog.rectifier(max_pooled.caps)).argmax(1)
    for form, imported in source.other_pools.items():
        try:
            other = calibrated(imported(), calibration)
            if bits is not None:
                fitted(folded(other.graph), bits, calibration.steps)
        except ConversionError:
            continue
        share = _agreement(other, pixels, calibration.steps, predictions)
        attempts.append((f"--max-pool {form}", share))
    copies = calibration.steps
    if not calibration.copies and copies <= MAX_COPIES:
        analog = Analog(calibrated(source, replace(calibration, copies=True)).graph)
        with torch.no_grad():
            agrees = analog(pixels, analog.spiking_copies(copies)).argmax(1) == predictions
        attempts.append((f"--steps {copies} --copies {copies}", float(agrees.float().mean())))
    return attempts


def rounding_advice(bundle: Bundle, graph: Graph, bits: int, data: Sequence[ImageSet], steps: int) -> list[str]:
    """Quantise with more bits if rounding lost accuracy, and return advice from the accuracy with them.

    Args:
        bundle: The converted bundle.
        graph: The calibrated graph, before rounding.
        bits: Bits of the weights of the bundle.
        data: The images on which the bundle was measured.
        steps: Number of time-steps T for which the bundle is exact.

    Returns:
        One sentence, or none if rounding lost no accuracy or there are no labels.
    """
    result = next(iter(bundle.manifest.results), {})
    if "accuracy" not in result:
        return []
    accuracy, unrounded = result["accuracy"][-1], result["accuracy_before_quantisation"][-1]
    if unrounded - accuracy <= POINT:
        return []
    lost = f"rounding the weights cost {100 * (unrounded - accuracy):.1f} points"
    if bits < FINER_BITS:
        try:
            finer = fitted(folded(graph), FINER_BITS, steps).graph
        except ConversionError:
            finer = None
        if finer is not None:
            better = measured(finer, data[0], len(result["accuracy"]))["accuracy"][-1]
            if better - accuracy > (unrounded - accuracy) / 2:
                return [f"{lost}: try --bits {FINER_BITS}: accuracy {better:.1%} instead of {accuracy:.1%}"]
    return [f"{lost}: try --float32: accuracy {unrounded:.1%} instead of {accuracy:.1%}"]
