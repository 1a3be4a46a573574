"""Convert an imported source network to a bundle. Plain rectifiers are calibrated first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from spikelet import options
from spikelet.bundle import Bundle, manifest
from spikelet.data.images import ImageSet
from spikelet.errors import ConversionError, UsageError
from spikelet.inputs import MAX_STEPS
from spikelet_converters.calibration.analog import Analog, Neuron
from spikelet_converters.calibration.images import check_images
from spikelet_converters.conversion.advice import explain, rounding_advice
from spikelet_converters.conversion.assembly import Description, SourceComparison, assemble
from spikelet_converters.conversion.calibrated import CalibratedNetwork, Calibration, OnProgress, calibrated
from spikelet_converters.conversion.check import check_graph, logits_of, source_neuron
from spikelet_converters.conversion.layer_report import REPORTED_STEPS, Reference
from spikelet_converters.conversion.measured import measured
from spikelet_converters.conversion.quantise import least_bits
from spikelet_converters.frontends import Source
from spikelet_converters.torch_threads import divided

__all__ = ["Calibration", "convert_source"]


@divided()
def convert_source(
    source: Source,
    name: str,
    *,
    calibration: Calibration | None = None,
    bits: int | None = 8,
    steps: int | None = None,
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
        steps: Number of time-steps T for which the bundle is exact; by default that of the calibration.
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
    _check_options(source, name, calibration, bits, steps, data, labels, command)
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
    network = CalibratedNetwork(source.graph, source.graph)
    if source.relus and calibration is not None:
        network = calibrated(source, calibration, on_progress)
        provenance["calibration"] = network.settings
    if not source.relus and not source.levels:
        return _spiking(source, bits, data, description)
    analog = Analog(network.uncorrected)
    neuron = source_neuron(analog, network.caps, source.levels)
    if steps is None and calibration is not None:
        steps = calibration.steps
    bundle = assemble(
        network.graph,
        bits,
        description,
        SourceComparison(_reference(analog, neuron), data, _reported_steps(steps), on_progress),
        steps=steps,
    )
    for images, result in zip(data, bundle.manifest.results, strict=True):
        accuracy = accuracy_before_replacement(source, images)
        if accuracy is not None:
            result["accuracy_before_replacement"] = accuracy
    if calibration is not None and source.relus:
        explain(bundle, network, calibration, source)
        if bits is not None and not source.graph.exact:
            bundle.manifest.conversion["advice"] += rounding_advice(bundle, network.graph, bits, data, steps or 1)
    return bundle


def _check_options(
    source: object,
    name: object,
    calibration: object,
    bits: object,
    steps: object,
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
    if steps is not None:
        options.whole("steps", steps, 1, MAX_STEPS)
    if labels is not None:
        options.instances("labels", labels, str)


def _reported_steps(steps: int | None) -> tuple[int, ...]:
    """Return the numbers of time-steps in the report, which end with T."""
    if steps is None:
        return REPORTED_STEPS
    return (*(2**k for k in range(16) if 2**k < steps), steps)[-len(REPORTED_STEPS) :]


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
        bundle.manifest.results.append(
            {**measured(bundle.graph, images, max(REPORTED_STEPS)), "command": description.command}
        )
    return bundle


def _exact_bits(source: Source, bits: int | None) -> int:
    """Return the bits of the weights of an exact network, which are kept."""
    smallest = least_bits(source.graph)
    if bits is not None and bits < smallest:
        raise UsageError(f"this network is of integers with weights of {smallest} bits, which are kept: omit --bits")
    stated = bits if bits is not None else source.bits
    return smallest if stated is None or not smallest <= stated <= manifest.BITS[1] else stated
