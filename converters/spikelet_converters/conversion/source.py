"""From any source network to a bundle: calibrated where its neurons have no thresholds, as it is where they have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from spikelet.bundle import Bundle
from spikelet.data.images import ImageSet
from spikelet.engines import create
from spikelet.errors import ConversionError, UsageError
from spikelet.graph import Graph
from spikelet_converters.calibration.analog import Analog, Neuron
from spikelet_converters.calibration.correction import corrected
from spikelet_converters.calibration.loss import advice, losses
from spikelet_converters.calibration.thresholds import Method, Per, Theta, activations, rescaled, thresholds
from spikelet_converters.conversion.checkpoint import assemble
from spikelet_converters.conversion.report import STEPS, Reference
from spikelet_converters.frontends import Source

CHECKED = 8  # inputs on which the reading of a source is held against the source
CORRECTED = 64  # images that corrections are made on: their spikes of all steps are kept in memory
LOSS_IMAGES = 50
TOLERANCE = 1e-3  # of the largest logit
ROUNDED = 0.2  # the same, where one of the two rounds

Progressing = Callable[[int, int], None]


@dataclass(frozen=True)
class Calibration:
    """How thresholds are found. steps: T that the network is meant for. correct: biases and initial potentials."""

    images: ImageSet
    method: Method = "mse"
    percentile: float = 99.9
    per: Per = "channel"
    steps: int = 16
    correct: bool = True


def convert_source(
    source: Source,
    name: str,
    *,
    calibration: Calibration | None = None,
    bits: int | None = 8,
    data: Sequence[ImageSet] = (),
    labels: tuple[str, ...] | None = None,
    command: str = "",
    on_progress: Progressing = lambda done, total: None,
) -> Bundle:
    """The bundle of a source network.

    calibration: needed where the source has rectifiers. bits: of the weights; None keeps them float32.
    data: sets of images to measure on, each with or without labels; where there are none, the calibration's are
        taken, under a name that says so.

    Raises:
        ConversionError: rectifiers without calibration, images that do not fit, a reading that computes other than
            its source, or a network that has no exact form at these bits.
    """
    _check_images(source, calibration, data)
    if calibration is not None and not data:
        data = [calibration.images.renamed(f"{calibration.images.name} (the calibration images)")]
    difference = check_reading(source, calibration.images if calibration else data[0] if data else None)
    provenance: dict[str, Any] = {"source": source.kind, "notes": list(source.notes)}
    if difference is not None:
        provenance["largest_logit_difference_to_source"] = difference
    graph, caps = source.graph, dict(source.relus)
    scaled: dict[str, Any] = dict.fromkeys(caps)
    if source.relus and calibration is not None:
        graph, scaled, settings = _calibrated(source, calibration, on_progress)
        provenance["calibration"] = settings
    if not source.relus and not source.levels:
        return _spiking(source, name, bits, data, labels, provenance, command)
    analog = Analog(graph)
    neuron = source_neuron(analog, scaled, source.levels)
    steps = STEPS
    if calibration is not None:
        powers = [2**k for k in range(8) if 2**k < calibration.steps]
        steps = (*powers, calibration.steps)[-len(STEPS) :]
    bundle = assemble(
        graph,
        name,
        bits=bits,
        reference=_reference(analog, neuron),
        data=data,
        labels=labels,
        provenance=provenance,
        command=command,
        steps=steps,
        on_progress=on_progress,
    )
    for images, result in zip(data, bundle.manifest.results, strict=True):
        cost = replacement_cost(source, images)
        if cost is not None:
            result["accuracy_before_replacement"] = cost
    if calibration is not None and source.relus:
        _explain(bundle, graph, scaled, calibration, source)
    return bundle


def _check_images(source: Source, calibration: Calibration | None, data: Sequence[ImageSet]) -> None:
    if source.relus and calibration is None:
        names = ", ".join(list(source.relus)[:3]) + (", …" if len(source.relus) > 3 else "")
        raise ConversionError(
            f"plain rectifiers ({names}) need thresholds before they can spike: name images of the training data with "
            "--calibration (some hundred are enough)"
        )
    for images in [*data, *([] if calibration is None else [calibration.images])]:
        if images.shape != source.shape:
            raise ConversionError(f"{images.name}: images are {images.shape}, the network takes {source.shape}")


def check_reading(source: Source, images: ImageSet | None) -> float | None:
    """The largest difference between the source's logits and its reading's; None where it cannot be told.

    Raises:
        ConversionError: they differ by more than rounding.
    """
    if source.predict is None or not source.same or not (source.relus or source.levels):
        return None
    if images is None:
        pixels = np.random.default_rng(0).integers(0, 256, (CHECKED, *source.shape)).astype(np.float32)
    else:
        pixels = images.images[:CHECKED].astype(np.float32)
    wanted = source.predict(source.preprocessing.apply(pixels))
    analog = Analog(source.graph)
    found = analog(torch.from_numpy(pixels), source_neuron(analog, source.relus, source.levels)).numpy()
    if wanted.shape != found.shape:
        raise ConversionError(f"the source answers with shape {wanted.shape}, its reading with {found.shape}")
    difference = float(np.abs(wanted - found).max())
    # a quantiser that was left out rounds, and one that stands on a tie may fall a step to either side of it
    tolerance = ROUNDED if source.levels or source.rounds else TOLERANCE
    if difference > tolerance * max(1.0, float(np.abs(wanted).max())):
        raise ConversionError(
            f"the network was read, but its reading answers differently (logits differ by {difference:.3g}): it does "
            "something that the reader did not see; please report it with the network"
        )
    return difference


def source_neuron(analog: Analog, caps: Mapping[str, Any], levels: Mapping[str, int]) -> Neuron:
    """The source's activations in units of a spike: rectifiers, and quantisers where it has them."""
    rectify = analog.rectifier(caps)

    def neuron(layer: str, current: torch.Tensor) -> torch.Tensor:
        rate = rectify(layer, current)
        if layer not in levels:
            return rate
        count = levels[layer]
        return (rate * count + 0.5).floor_().clamp_(0, count) / count

    return neuron


def _calibrated(
    source: Source, calibration: Calibration, on_progress: Progressing
) -> tuple[Graph, dict[str, Theta | None], dict[str, Any]]:
    pixels = torch.from_numpy(calibration.images.images).float()
    thetas = thresholds(
        activations(source.graph, source.relus, pixels),
        calibration.method,
        calibration.steps,
        calibration.percentile,
        calibration.per,
    )
    graph = rescaled(source.graph, thetas)
    caps = {name: None if cap is None else cap / thetas[name] for name, cap in source.relus.items()}
    if calibration.correct:
        graph = corrected(graph, caps, pixels[:CORRECTED], calibration.steps, on_progress)
    settings = {
        "images": len(calibration.images),
        "data": calibration.images.name,
        "digest": calibration.images.digest,
        "method": calibration.method,
        "per": calibration.per,
        "steps": calibration.steps,
        "correction": calibration.correct,
    }
    if calibration.method == "percentile":
        settings["percentile"] = calibration.percentile
    return graph, caps, settings


def _reference(analog: Analog, neuron: Neuron) -> Reference:
    def reference(part: ImageSet) -> tuple[npt.NDArray[np.int64], dict[str, npt.NDArray[np.float32]]]:
        rates: dict[str, npt.NDArray[np.float32]] = {}

        def watch(layer: str, current: torch.Tensor) -> torch.Tensor:
            value = neuron(layer, current)
            rates[layer] = value.numpy()
            return value

        logits = analog(torch.from_numpy(part.images).float(), watch)
        return logits.argmax(1).numpy(), rates

    return reference


def _explain(bundle: Bundle, graph: Graph, caps: Mapping[str, Any], calibration: Calibration, source: Source) -> None:
    """Write into the conversion's report where answers are lost, and what to try."""
    images = calibration.images.images[:LOSS_IMAGES]
    found = losses(graph, caps, torch.from_numpy(images).float(), calibration.steps)
    for entry, loss in zip(bundle.manifest.conversion["layers"], found, strict=True):
        entry["agreement_through"], entry["clipped"] = loss.through, loss.clipped
    lost, rounding = 1 - found[-1].through, 0.0
    if bundle.manifest.results:
        result = bundle.manifest.results[0]
        if "accuracy" in result:
            lost = result["float_accuracy"] - result["accuracy_before_quantisation"][-1]
            rounding = result["accuracy_before_quantisation"][-1] - result["accuracy"][-1]
    bundle.manifest.conversion["advice"] = advice(found, calibration.steps, lost, rounding)
    bundle.manifest.conversion["notes"] = list(source.notes)


def replacement_cost(source: Source, images: ImageSet) -> float | None:
    """Accuracy of the source as it was before pools were replaced in it, where they were and images have labels."""
    if source.same or source.predict is None or images.labels is None:
        return None
    right = 0
    for start in range(0, len(images), 50):
        part = images.take(slice(start, start + 50))
        answers = source.predict(source.preprocessing.apply(part.images.astype(np.float32))).argmax(1)
        right += int((answers == part.labels).sum())
    return right / len(images)


def _spiking(
    source: Source,
    name: str,
    bits: int | None,
    data: Sequence[ImageSet],
    labels: tuple[str, ...] | None,
    provenance: dict[str, Any],
    command: str,
) -> Bundle:
    """A network that spikes already: nothing is calibrated, its answers are counted as they are."""
    if bits is not None:
        if source.graph.integrators or any(node.kind == "LIF" for node in source.graph.nodes.values()):
            raise UsageError(
                "this network leaks by factors, which whole numbers cannot keep: leave --bits out for a float32 bundle"
            )
        provenance["note"] = "weights were rounded: spikes differ from the source's where that moves them"
    bundle = assemble(
        source.graph,
        name,
        bits=bits,
        reference=None,
        data=(),
        labels=labels,
        provenance=provenance,
        command=command,
        golden=_golden(source.graph, data),
    )
    for images in data:
        bundle.manifest.results.append({**_measured(bundle.graph, images), "command": command})
    return bundle


def _measured(graph: Graph, images: ImageSet, steps: int = max(STEPS)) -> dict[str, Any]:
    engine = create(graph)
    right = np.zeros(steps)
    for start in range(0, len(images), 25):
        part = images.take(slice(start, start + 25))
        engine.reset(len(part))
        total = np.zeros((len(part), graph.classes))
        for t in range(steps):
            total += engine.step(part.images.astype(np.float32) if t == 0 else None)
            if part.labels is not None:
                right[t] += (total.argmax(1) == part.labels).sum()
    found: dict[str, Any] = {
        "data": images.name, "digest": images.digest, "images": len(images), "steps": steps, "engine": engine.name,
    }  # fmt: skip
    if images.labels is not None:
        found["accuracy"] = (right / len(images)).tolist()
    return found


def _golden(graph: Graph, data: Sequence[ImageSet]) -> npt.NDArray[Any]:
    """Inputs of the proof: images where there are some, else numbers over the input's range."""
    if data:
        return data[0].images[:2]
    rng = np.random.default_rng(0)
    low, high = graph.input.low, graph.input.high
    whole = rng.integers(low, high + 1, (2, *graph.input.shape))
    return whole.astype(np.float32)
