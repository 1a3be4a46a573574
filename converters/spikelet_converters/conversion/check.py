"""Compare an imported graph with its source, on images and on random inputs, before it is used.

The comparison cannot be switched off. It evaluates the imported graph as the source computes it: max pools that
were replaced by average pools are evaluated as maxima, omitted quantisers round, and the border of a padded image has
the mean of the source. The remaining difference is float rounding, so the tolerance is small.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from spikelet.data.images import ImageSet
from spikelet.errors import ConversionError
from spikelet.nodes import Conv2d, SumPool2d
from spikelet_converters.calibration.analog import Analog, Caps, Neuron, along_channels
from spikelet_converters.conversion.agreement import OutputDifference, Outputs, agree, agree_on_answers, comparable
from spikelet_converters.conversion.check_spikes import (
    CHECKED_STEPS,
    MOVED,
    MOVES,
    compare_layers,
    compare_loop,
    summed,
    thresholds_moved,
    tied,
)
from spikelet_converters.frontends import Source
from spikelet_converters.frontends.source import PERTURBATION, Predict
from spikelet_converters.frontends.values import Rounding

IMAGES = 8  # number of images, and of random inputs
UNROUNDED = 0.2  # largest difference on images without the omitted quantisers, relative to the largest logit
NOISE = "random inputs"


def check_graph(source: Source, images: ImageSet | None) -> float | None:
    """Compare an imported graph with its source.

    Args:
        source: The source and its imported graph.
        images: Images to compare on, in addition to random inputs, or None.

    Returns:
        The largest difference of two logits, or None for a source that cannot be evaluated.

    Raises:
        ConversionError: The source and the imported graph compute different outputs.
    """
    if source.predict is None and source.logits is None and source.simulate is None:
        return None
    differences = list(compare_layers(source.layers()))
    for name, inputs in _inputs(source, images).items():
        differences.append(_compare(source, name, inputs))
        if source.loop is not None:
            differences.append(compare_loop(source, source.loop, name, inputs))
        if source.roundings and name != NOISE:
            differences.append(_compare_without_rounding(source, name, inputs))
    if source.perturbed is not None:
        perturbed = replace(source.perturbed(), perturbed=None)
        for name, inputs in _inputs(perturbed, None).items():
            changed = f"{name} and weights or scales that were changed by up to {PERTURBATION:.0%}"
            _compare(perturbed, changed, inputs)
            if perturbed.loop is not None:
                compare_loop(perturbed, perturbed.loop, changed, inputs)
    return max(difference.largest for difference in differences)


def source_neuron(analog: Analog, caps: Caps, levels: Mapping[str, int]) -> Neuron:
    """Return the activations of the source, rectifiers or quantisers, in units of a spike."""
    rectify = analog.rectifier(caps)

    def neuron(layer: str, current: Tensor) -> Tensor:
        rate = rectify(layer, current)
        if layer not in levels:
            return rate
        count = levels[layer]
        return (rate * count + 0.5).floor_().clamp_(0, count) / count

    return neuron


class Imported(Analog):
    """The imported graph, evaluated as its source computes it.

    Args:
        source: The source and its imported graph.
        moved: Seed of random shifts by up to MOVED before every omitted quantiser, or None.
    """

    def __init__(self, source: Source, moved: int | None = None) -> None:
        super().__init__(source.graph)
        self.source = source
        self.generator = None if moved is None else torch.Generator().manual_seed(moved)
        self.neuron = source_neuron(self, source.relus, source.levels)

    def logits(self, pixels: npt.NDArray[np.float32]) -> Outputs:
        """Return the logits (N, K) for pixels (N, *shape)."""
        logits: Outputs = self(torch.from_numpy(pixels), self._activation).numpy()
        return logits

    def _activation(self, layer: str, current: Tensor) -> Tensor:
        return self._rounded(layer, self.neuron(layer, current))

    def evaluate(self, name: str, inputs: list[Tensor], pixels: Tensor) -> Tensor:
        """Evaluate a node that is not a neuron."""
        node = self.graph.nodes[name]
        if isinstance(node, SumPool2d) and name in self.source.maxima:
            maximum = F.max_pool2d(inputs[0], node.kernel, node.stride)
            return self._rounded(name, maximum * (node.kernel[0] * node.kernel[1]))
        if isinstance(node, Conv2d) and self.graph.predecessors[name][0] == self.graph.input_name:
            height, width = node.padding
            border = along_channels(self.source.border, 4).expand(1, inputs[0].shape[1], 1, 1)
            padded = F.pad(inputs[0] - border, (width, width, height, height)) + border
            weight, bias = self.tensors[name, "weight"], self.tensors[name, "bias"]
            return self._rounded(name, F.conv2d(padded, weight, bias, node.stride, 0, 1, node.groups))
        return self._rounded(name, super().evaluate(name, inputs, pixels))

    def _rounded(self, name: str, value: Tensor) -> Tensor:
        for rounding in self.source.roundings.get(name, ()):
            if self.generator is not None:
                value = value * (1 + MOVED * (2 * torch.rand(value.shape, generator=self.generator) - 1))
            value = _quantised(rounding, value)
        return value


def _quantised(rounding: Rounding, value: Tensor) -> Tensor:
    parameters = (rounding.factor, rounding.offset, rounding.scale, rounding.zero)
    factor, offset, scale, zero = (along_channels(parameter, value.ndim) for parameter in parameters)
    integers = (((value * factor + offset) / scale).round() + zero).clamp(rounding.low, rounding.high)
    return ((integers - zero) * scale - offset) / factor


def _inputs(source: Source, images: ImageSet | None) -> dict[str, npt.NDArray[np.float32]]:
    """Return the pixels (N, *shape) to compare on, by description."""
    node = source.graph.input
    rng = np.random.default_rng(0)
    noise = rng.integers(node.low, node.high + 1, (IMAGES, *source.shape)).astype(np.float32)
    # most of them have a low contrast, so that not every neuron is saturated
    contrast = np.repeat([1.0, 0.5, 0.1, 0.02], IMAGES // 4).reshape(-1, *(1,) * len(source.shape))
    inputs = {NOISE: node.low + np.rint((noise - node.low) * contrast).astype(np.float32)}
    if images is not None and len(images):
        index = np.unique(np.linspace(0, len(images) - 1, IMAGES).astype(np.intp))
        inputs[f"images of {images.name}"] = images.images[index].astype(np.float32)
    return inputs


def _compare(source: Source, name: str, pixels: npt.NDArray[np.float32]) -> OutputDifference:
    """Compare the imported graph with its source on some inputs. Raises ConversionError."""
    normalised = source.preprocessing.apply(pixels)
    if source.simulate is not None:
        # sums over time, since a spike that comes one time-step later changes the output of a time-step
        expected = source.simulate(np.repeat(normalised[None], CHECKED_STEPS, axis=0)).cumsum(0)
        return agree(name, expected, *summed(source, pixels[None], CHECKED_STEPS), tied=tied(source))
    actual = Imported(source).logits(pixels)

    @functools.cache
    def moved() -> list[Outputs]:
        seeds = range(MOVES) if source.levels or source.roundings else ()
        return [Imported(thresholds_moved(source, seed), moved=seed).logits(pixels) for seed in seeds]

    results = []
    if source.logits is not None:
        results.append(agree(name, source.logits(normalised), actual, moved, tied=tied(source)))
    if source.predict is not None:
        outputs = source.predict(normalised)
        if outputs.ndim == 1 and actual.shape[1] == 1 and source.ending != "argmax":
            outputs = outputs[:, None]  # one logit
        if source.ending == "argmax":
            agree_on_answers(name, outputs, actual, moved)
            results.append(OutputDifference(0.0, float(np.abs(actual).max())))
        else:
            results.append(agree(name, outputs, actual, moved, source.ending, tied(source)))
    return max(results, key=lambda result: result.largest)


def _compare_without_rounding(source: Source, name: str, pixels: npt.NDArray[np.float32]) -> OutputDifference:
    """Compare without the omitted quantisers, which may clip as well as round. Raises ConversionError."""
    actual = Imported(replace(source, roundings={})).logits(pixels)
    if source.logits is not None:
        expected = source.logits(source.preprocessing.apply(pixels))
    else:
        assert source.predict is not None
        expected, actual = comparable(source.ending, source.predict(source.preprocessing.apply(pixels)), actual)
    largest, magnitude = float(np.abs(expected - actual).max()), float(np.abs(expected).max())
    if largest > UNROUNDED * magnitude:
        raise ConversionError(
            f"the quantisers that were left out change the outputs of the network on {name} by {largest:.3g} "
            f"(largest output {magnitude:.3g}); calibrate the quantisers of the source on more images, or export it "
            "before quantisation"
        )
    return OutputDifference(largest, magnitude)


def logits_of(source: Source) -> Predict | None:
    """Return the function of a source whose largest output is the prediction, or None."""
    return source.logits or (None if source.ending == "argmax" else source.predict)
