"""Convert an imported source network to a bundle. Plain rectifiers are calibrated first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch

from spikelet import options
from spikelet.bundle import Bundle, manifest
from spikelet.data.images import ImageSet
from spikelet.errors import ConversionError, UsageError
from spikelet.files.decoded import Document
from spikelet.graph import Graph
from spikelet.inputs import MAX_STEPS
from spikelet_converters.calibration.analog import Analog, Caps, Neuron
from spikelet_converters.calibration.correction import corrected
from spikelet_converters.calibration.images import check_images, check_logits
from spikelet_converters.calibration.loss import POINT, Loss, advice, agreement, losses, trials
from spikelet_converters.calibration.thresholds import Method, Per, Theta, activations, rescaled, thresholds
from spikelet_converters.conversion.check import check_graph, logits_of, source_neuron
from spikelet_converters.conversion.checkpoint import Description, SourceComparison, assemble
from spikelet_converters.conversion.fitting import fitted
from spikelet_converters.conversion.folding import folded
from spikelet_converters.conversion.layer_report import STEPS, Reference
from spikelet_converters.conversion.measured import least_bits, measured
from spikelet_converters.frontends import Source
from spikelet_converters.torch_threads import divided

CORRECTED = 64  # number of images for corrections; their spikes of all time-steps are kept in memory
LOSS_IMAGES = 50  # number of images for the loss by layer
FINER_BITS = 10  # bits of the weights in a trial for advice

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Calibration:
    """Settings of the calibration.

    Attributes:
        images: Calibration images.
        method: Rule for the thresholds.
        percentile: Percentile for the method "percentile".
        per: One threshold per channel or per layer.
        steps: Number of time-steps T for which the network is calibrated.
        correct: Correct biases and initial potentials.
        copies: Correct for a network that gets copies of its neurons, see `correction.corrected`.

    Raises:
        UsageError: A setting is of a wrong type or out of range.
    """

    images: ImageSet
    method: Method = "mse"
    percentile: float = 99.9
    per: Per = "channel"
    steps: int = 16
    correct: bool = True
    copies: bool = False

    def __post_init__(self) -> None:
        options.instance("images", self.images, ImageSet)
        options.choice("method", self.method, get_args(Method))
        options.real("percentile", self.percentile, 0, 100)
        options.choice("per", self.per, get_args(Per))
        options.whole("steps", self.steps, 1, MAX_STEPS)
        options.instance("correct", self.correct, bool)
        options.instance("copies", self.copies, bool)


@divided()
def convert_source(
    source: Source,
    name: str,
    *,
    calibration: Calibration | None = None,
    bits: int | None = 8,
    time_steps: int | None = None,
    data: Sequence[ImageSet] = (),
    labels: tuple[str, ...] | None = None,
    command: str = "",
    on_progress: OnProgress = lambda done, total: None,
) -> Bundle:
    """Convert a source network to a bundle.

    Args:
        source: The imported network.
        name: Name of the network in the manifest.
        calibration: Settings of the calibration, required for plain rectifiers.
        bits: Bits of the weights, or None to keep float32. An exact network is kept as it is.
        time_steps: Number of time-steps T for which the bundle is exact; by default that of the calibration.
        data: Image sets to measure on, with or without labels. Without data the calibration images are used.
        labels: Class names.
        command: Command line, for the manifest.
        on_progress: Called with the number of images done and the total.

    Raises:
        UsageError: An argument is of a wrong type or out of range.
        ConversionError: Rectifiers without calibration, images of another shape or that cannot calibrate, an
            imported graph with other logits than its source, or a network without exact form at these bits.

    Examples:
        >>> import numpy as np
        >>> from torch import nn
        >>> from spikelet.data import ImageSet
        >>> from spikelet_converters.frontends.torch import from_module
        >>> network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
        >>> pixels = np.random.default_rng(0).integers(0, 256, (32, 1, 8, 8), np.uint8)
        >>> images = ImageSet(pixels, None, None, "random pixels")
        >>> source = from_module(network, (1, 8, 8))
        >>> bundle = convert_source(source, "example", calibration=Calibration(images, steps=8))
        >>> bundle.graph.exact, bundle.manifest.bits
        (True, 8)
    """
    _check_options(source, name, calibration, bits, time_steps, data, labels, command)
    description = Description(
        name, source.labels if labels is None else labels, {"source": source.kind, "notes": list(source.notes)}, command
    )
    _check_images(source, calibration, data)
    if calibration is not None and not data:
        data = [calibration.images.renamed(f"{calibration.images.name} (the calibration images)")]
    difference = check_graph(source, calibration.images if calibration else data[0] if data else None)
    provenance = description.provenance
    if difference is not None:
        provenance["largest_logit_difference_to_source"] = difference
    graph, uncorrected, caps = source.graph, source.graph, dict(source.relus)
    scaled: dict[str, Theta | None] = dict.fromkeys(caps)
    if source.relus and calibration is not None:
        graph, uncorrected, scaled, settings = _calibrated(source, calibration, on_progress)
        provenance["calibration"] = settings
    if not source.relus and not source.levels:
        return _spiking(source, bits, data, description)
    analog = Analog(uncorrected)
    neuron = source_neuron(analog, scaled, source.levels)
    if time_steps is None and calibration is not None:
        time_steps = calibration.steps
    bundle = assemble(
        graph,
        bits,
        description,
        SourceComparison(_reference(analog, neuron), data, _reported_steps(time_steps), on_progress),
        time_steps=time_steps,
    )
    for images, result in zip(data, bundle.manifest.results, strict=True):
        accuracy = accuracy_before_replacement(source, images)
        if accuracy is not None:
            result["accuracy_before_replacement"] = accuracy
    if calibration is not None and source.relus:
        _explain(bundle, graph, uncorrected, scaled, calibration, source)
        if bits is not None and not source.graph.exact:
            bundle.manifest.conversion["advice"] += _rounding_advice(bundle, graph, bits, data, time_steps or 1)
    return bundle


def _check_options(
    source: object,
    name: object,
    calibration: object,
    bits: object,
    time_steps: object,
    data: object,
    labels: object,
    command: object,
) -> None:
    """Raise UsageError if an argument of `convert_source` is of a wrong type."""
    options.instance("source", source, Source)
    options.instance("name", name, str)
    options.instance("command", command, str)
    options.instances("data", data, ImageSet)
    if calibration is not None:
        options.instance("calibration", calibration, Calibration)
    if bits is not None:
        options.whole("bits", bits, *manifest.BITS)
    if time_steps is not None:
        options.whole("time_steps", time_steps, 1, MAX_STEPS)
    if labels is not None:
        options.instances("labels", labels, str)


def _reported_steps(time_steps: int | None) -> tuple[int, ...]:
    """Return the numbers of time-steps in the report, which end with T."""
    if time_steps is None:
        return STEPS
    return (*(2**k for k in range(16) if 2**k < time_steps), time_steps)[-len(STEPS) :]


def _check_images(source: Source, calibration: Calibration | None, data: Sequence[ImageSet]) -> None:
    if source.relus and calibration is None:
        names = ", ".join(list(source.relus)[:3]) + (", …" if len(source.relus) > 3 else "")
        raise ConversionError(
            f"plain rectifiers ({names}) need thresholds: name images of the training data with --calibration "
            "(a few hundred are enough)"
        )
    for images in [*data, *([] if calibration is None else [calibration.images])]:
        if images.shape != source.shape:
            raise ConversionError(f"{images.name}: images are {images.shape}, the network takes {source.shape}")
    if source.relus and calibration is not None:
        check_images(calibration.images)


def _calibrated(
    source: Source, calibration: Calibration, on_progress: OnProgress
) -> tuple[Graph, Graph, dict[str, Theta | None], Document]:
    """Return the calibrated graph, the same before corrections, the caps in units of a spike, and the settings."""
    check_logits(source.graph, source.relus, calibration.images)
    pixels = torch.from_numpy(calibration.images.images).float()
    thetas = thresholds(
        activations(source.graph, source.relus, pixels),
        calibration.method,
        calibration.steps,
        calibration.percentile,
        calibration.per,
    )
    graph = uncorrected = rescaled(source.graph, thetas)
    caps = {name: None if cap is None else cap / thetas[name] for name, cap in source.relus.items()}
    if calibration.correct:
        graph = corrected(graph, caps, pixels[:CORRECTED], calibration.steps, on_progress, copies=calibration.copies)
    settings: Document = {
        "images": len(calibration.images),
        "data": calibration.images.name,
        "digest": calibration.images.digest,
        "method": calibration.method,
        "per": calibration.per,
        "steps": calibration.steps,
        "correction": calibration.correct,
        **({"copies": True} if calibration.copies else {}),
    }
    if calibration.method == "percentile":
        settings["percentile"] = calibration.percentile
    return graph, uncorrected, caps, settings


def _reference(analog: Analog, neuron: Neuron) -> Reference:
    def reference(part: ImageSet) -> tuple[npt.NDArray[np.int64], dict[str, npt.NDArray[np.float32]]]:
        rates: dict[str, npt.NDArray[np.float32]] = {}

        def record(layer: str, current: torch.Tensor) -> torch.Tensor:
            value = neuron(layer, current)
            rates[layer] = value.numpy()
            return value

        logits = analog(torch.from_numpy(part.images).float(), record)
        return logits.argmax(1).numpy(), rates

    return reference


def _explain(
    bundle: Bundle, graph: Graph, uncorrected: Graph, caps: Caps, calibration: Calibration, source: Source
) -> None:
    """Add agreement by layer and advice to the conversion report in the manifest."""
    images = calibration.images.images[:LOSS_IMAGES]
    by_layer = losses(graph, caps, torch.from_numpy(images).float(), calibration.steps, uncorrected)
    for entry, loss in zip(bundle.manifest.conversion["layers"], by_layer, strict=True):
        entry["agreement_through"], entry["clipped"] = loss.through, loss.clipped
    lost = 1 - by_layer[-1].through
    result = next(iter(bundle.manifest.results), {})
    if "accuracy" in result:
        lost = result["float_accuracy"] - result["accuracy_before_quantisation"][-1]
    sentences: list[str] = []
    if lost > POINT:
        sentences = _trial_advice(source, by_layer, graph, uncorrected, caps, calibration)
    bundle.manifest.conversion["advice"] = sentences
    bundle.manifest.conversion["notes"] = [*source.notes, *bundle.manifest.conversion.get("notes", [])]


def _trial_advice(
    source: Source, by_layer: list[Loss], graph: Graph, uncorrected: Graph, caps: Caps, calibration: Calibration
) -> list[str]:
    """Calibrate with other settings, and return advice from the agreement on the calibration images."""
    pixels = torch.from_numpy(calibration.images.images).float()
    before = agreement(graph, caps, pixels, calibration.steps, uncorrected)
    attempts = []
    for trial in trials(by_layer, calibration.steps):
        changed = replace(calibration, **trial.changes)  # type: ignore[arg-type]  # fields of the calibration
        other, plain, other_caps, _ = _calibrated(source, changed, lambda done, total: None)
        attempts.append((trial.option, agreement(other, other_caps, pixels, changed.steps, plain)))
    if source.averaged is not None:
        attempts += _with_average_pools(source.averaged, uncorrected, caps, calibration, pixels)
    return advice(by_layer, before, attempts)


def _with_average_pools(
    averaged: Callable[[], Source], max_pooled: Graph, caps: Caps, calibration: Calibration, pixels: torch.Tensor
) -> list[tuple[str, float]]:
    """Convert with average pools in place of max pools, whose spikes are too many where windows overlap.

    Args:
        averaged: Function that imports the source with average pools.
        max_pooled: The graph with max pools, before corrections.
        caps: The caps of its rectifiers.
        calibration: Settings of the calibration.
        pixels: (N, *shape).

    Returns:
        The option and the share of images with the prediction of `max_pooled`, or nothing if no average pool can
        replace a max pool.
    """
    try:
        other, plain, other_caps, _ = _calibrated(averaged(), calibration, lambda done, total: None)
    except ConversionError:
        return []
    analog = Analog(max_pooled)
    with torch.no_grad():
        predictions = analog(pixels, analog.rectifier(caps)).argmax(1)
    share = agreement(other, other_caps, pixels, calibration.steps, plain, predictions)
    return [("--max-pool average", share)]


def _rounding_advice(bundle: Bundle, graph: Graph, bits: int, data: Sequence[ImageSet], time_steps: int) -> list[str]:
    """Quantise with more bits if rounding lost accuracy, and return advice from the accuracy with them."""
    result = next(iter(bundle.manifest.results), {})
    if "accuracy" not in result:
        return []
    accuracy, unrounded = result["accuracy"][-1], result["accuracy_before_quantisation"][-1]
    if unrounded - accuracy <= POINT:
        return []
    lost = f"rounding the weights cost {100 * (unrounded - accuracy):.1f} points"
    if bits < FINER_BITS:
        try:
            finer = fitted(folded(graph), FINER_BITS, time_steps).graph
        except ConversionError:
            finer = None
        if finer is not None:
            better = measured(finer, data[0], len(result["accuracy"]))["accuracy"][-1]
            if better - accuracy > (unrounded - accuracy) / 2:
                return [f"{lost}: try --bits {FINER_BITS}: accuracy {better:.1%} instead of {accuracy:.1%}"]
    return [f"{lost}: try --float32: accuracy {unrounded:.1%} instead of {accuracy:.1%}"]


def accuracy_before_replacement(source: Source, images: ImageSet) -> float | None:
    """Return the accuracy of the source before its pools were replaced, or None without replacement or labels."""
    predict = logits_of(source)
    if not source.maxima or predict is None or images.labels is None:
        return None
    right = 0
    for start in range(0, len(images), 50):
        part = images.take(slice(start, start + 50))
        predictions = predict(source.preprocessing.apply(part.images.astype(np.float32))).argmax(1)
        right += int((predictions == part.labels).sum())
    return right / len(images)


def _spiking(source: Source, bits: int | None, data: Sequence[ImageSet], description: Description) -> Bundle:
    """Convert a network that is spiking already, without calibration."""
    if source.graph.exact:
        bits = _exact_bits(source, bits)
    elif bits is not None:
        if source.graph.integrators or any(node.kind == "LIF" for node in source.graph.nodes.values()):
            raise UsageError(
                "this network has neurons with a leak factor, which has no exact form: omit --bits for a float32 bundle"
            )
        description.provenance["note"] = "weights were rounded: spikes differ from the source's where that moves them"
    bundle = assemble(source.graph, bits, description, golden=data)
    for images in data:
        bundle.manifest.results.append({**measured(bundle.graph, images, max(STEPS)), "command": description.command})
    return bundle


def _exact_bits(source: Source, bits: int | None) -> int:
    """Return the bits of the weights of an exact network, which are kept."""
    smallest = least_bits(source.graph)
    if bits is not None and bits < smallest:
        raise UsageError(f"this network is of integers with weights of {smallest} bits, which are kept: omit --bits")
    stated = bits if bits is not None else source.bits
    return smallest if stated is None or not smallest <= stated <= manifest.BITS[1] else stated
