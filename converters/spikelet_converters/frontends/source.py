"""The imported source network, with its preprocessing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real

import numpy as np
import numpy.typing as npt

from spikelet import options
from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import Shape
from spikelet.options import LARGEST, LEAST
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.values import NOTHING, UNSCALED, Ending, Factor, PoolForm, Rounding, Value

Predict = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Converts normalised inputs (N, *shape) to the outputs of the source, (N, K)."""

Simulate = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Converts normalised inputs (T, N, *shape), one per time-step, to the outputs of a spiking source, (T, N, K)."""

PERTURBATION = 0.02
"""Largest relative change of a weight or scale by `Source.perturbed`."""


@dataclass(frozen=True)
class Loop:
    """The loop over time-steps that a spiking source runs itself.

    Attributes:
        steps: Number of time-steps T.
        frames: Whether the source takes one input for each time-step, instead of one for all.
        outputs: From normalised inputs (N, *shape), or (T, N, *shape) with frames, to the outputs of the source,
            (T, N, K), or (N, K) summed over time.
        ending: Function of the sum over time, divided by `divisor`, that the source returns.
        divisor: 1 for a source that returns the sum itself.
    """

    steps: int
    frames: bool
    outputs: Predict
    ending: Ending = "logits"
    divisor: float = 1.0


@dataclass(frozen=True)
class Preprocessing:
    """Normalisation of pixels before the source network: (pixel / scale - mean) / std.

    Attributes:
        mean: One number, or one per channel, of pixels divided by scale.
        std: One number, or one per channel, of pixels divided by scale.
        scale: 255 scales pixels to 0…1, 1 leaves them unscaled.

    Raises:
        UsageError: A value is not a finite number, or `std` or `scale` is not above 0.

    Examples:
        >>> normalisation = Preprocessing(mean=(0.5,), std=(0.25,))  # of pixels in 0…1
        >>> normalisation.apply(np.array([[0, 255]], np.uint8)).tolist()
        [[-2.0, 2.0]]
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = 255.0

    def __post_init__(self) -> None:
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            options.instances(name, numbers, Real)
            for number in numbers or [None]:
                options.real(name, number, -LARGEST if name == "mean" else LEAST, LARGEST)
        options.real("scale", self.scale, LEAST, LARGEST)

    def start(self, builder: Builder, low: int = 0, high: int = 255) -> Value:
        """Add the normalised input, with values low…high, to a builder."""
        x = builder.input(low, high)
        mean, std = (np.asarray(v if len(v) > 1 else v[0], np.float64) for v in (self.mean, self.std))
        return builder.normalise("mean and std of the input", mean * self.scale, std * self.scale, x)

    def apply(self, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Normalise (N, C, …) pixels."""
        mean, std = (np.asarray(v, np.float32).reshape(1, -1, *(1,) * (pixels.ndim - 2)) for v in (self.mean, self.std))
        scaled: npt.NDArray[np.float32] = ((pixels / np.float32(self.scale) - mean) / std).astype(np.float32)
        return scaled


@dataclass(frozen=True)
class Source:
    """A source network and its imported graph.

    Attributes:
        kind: Format of the source.
        graph: The imported graph, in float32 unless the source is an exact network. Layers in `relus` have theta = 1
            until they are calibrated.
        relus: Caps of the rectifiers by layer, None for a rectifier without a cap.
        levels: Number of quantiser levels, by layer.
        predict: Evaluates the source, from normalised inputs (N, *shape) to its outputs, which `ending` describes.
        logits: Evaluates the source up to the logits, if it returns them separately.
        simulate: Evaluates a spiking source, from normalised inputs (T, N, *shape) to its outputs (T, N, K).
        loop: The whole loop over time-steps of a spiking source, of which the imported graph is one time-step.
        preprocessing: Normalisation of the input.
        ending: Function of the logits that `predict` returns.
        maxima: Average pools of the imported graph that replace max pools of the source.
        roundings: Quantisers of the source that are not part of the imported graph, by node.
        border: Value of a zero of the source at the output of the input node, () or (C,).
        other_pools: Functions that import the source with another form of its max pools, by this form.
        perturbed: Imports the source with slightly changed weights, or scales of quantised activations, so that the
            comparison does not depend on ties; None for a source without ties, or whose weights cannot be changed.
        layers: Imports every layer of neurons of a spiking source without the layers around it, by name. It compares
            parameters that have no effect in the network, where all of its neurons are silent or saturated.
        notes: Notes for the user about differences between the source and the imported graph.
        labels: Class names, if the source contains them.
        bits: Bits of the weights of an exact graph, if the source contains them.
    """

    kind: str
    graph: Graph
    relus: Mapping[str, float | None] = field(default_factory=dict)
    levels: Mapping[str, int] = field(default_factory=dict)
    predict: Predict | None = None
    logits: Predict | None = None
    simulate: Simulate | None = None
    loop: Loop | None = None
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    ending: Ending = "logits"
    maxima: frozenset[str] = frozenset()
    roundings: Mapping[str, tuple[Rounding, ...]] = field(default_factory=dict)
    border: Factor = field(default_factory=lambda: NOTHING)
    other_pools: Mapping[PoolForm, Callable[[], Source]] = field(default_factory=dict)
    perturbed: Callable[[], Source] | None = None
    layers: Callable[[], Mapping[str, Source]] = dict
    notes: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    bits: int | None = None

    @property
    def spiking(self) -> bool:
        """Whether every neuron has a threshold, so that no layer needs calibration."""
        return not self.relus

    @property
    def shape(self) -> Shape:
        """Shape of one input."""
        return self.graph.input.shape


def build(
    shape: Shape, add: Callable[[Builder, Value], object], preprocessing: Preprocessing, low: int = 0, high: int = 255,
    *, max_pools: PoolForm = "or",
) -> Builder:  # fmt: skip
    """Return a builder with the normalised input of a source and its layers.

    An input of two axes is a line (C, L), or an image (H, W) if the layers do not fit a line. One of three axes is an
    image (C, H, W), or (H, W, C) if the last axis has a size of 1, 3 or 4 and the layers do not fit the former.

    Args:
        shape: Shape of one input of the source.
        add: Adds the layers; takes the builder and the input.
        preprocessing: Normalisation of the input.
        low: Smallest value of the input.
        high: Largest value of the input.
        max_pools: Form of max pools: "or" (neurons that fire if one of their inputs fires), "pairs" or "average".

    Raises:
        ConversionError: A layer has no spiking form, or the input has too many axes.
    """
    if len(shape) not in (1, 2, 3):
        raise ConversionError(f"the input has shape {shape}; expected (F,), (C, L) or (C, H, W)")
    layouts: list[tuple[Shape, tuple[int, ...] | None]] = [(shape, None)]
    if len(shape) == 2:
        layouts = [((shape[0], 1, shape[1]), (0, 2)), ((1, *shape), (1, 2))]
    elif len(shape) == 3 and shape[2] in (1, 3, 4) and shape[0] not in (1, 2, 3, 4):
        layouts.append(((shape[2], *shape[:2]), (1, 2, 0)))
    failed: list[tuple[int, ConversionError]] = []
    for image, axes in layouts:
        builder = Builder(image, calibrate=True, max_pools=max_pools)
        try:
            add(builder, replace(preprocessing.start(builder, low, high), axes=axes))
        except ConversionError as error:
            failed.append((len(builder.nodes), error))
        else:
            return builder
    raise max(failed, key=lambda failure: failure[0])[1] from None  # of the layout that most layers fit


def as_taken(inputs: npt.NDArray[np.float32], shape: Shape) -> npt.NDArray[np.float32]:
    """Return inputs (N, *shape of the graph) as a source takes them, (N, *shape), see `build`."""
    if len(shape) == 3 and inputs.ndim == 4 and inputs.shape[1:] != shape:
        inputs = inputs.transpose(0, 2, 3, 1)
    taken: npt.NDArray[np.float32] = np.ascontiguousarray(inputs.reshape(len(inputs), *shape))
    return taken


def finished(
    kind: str,
    builder: Builder,
    predict: Predict | None,
    preprocessing: Preprocessing,
    *,
    logits: Predict | None = None,
    simulate: Simulate | None = None,
    loop: Loop | None = None,
) -> Source:
    """Return the source of a finished builder."""
    return Source(
        kind,
        builder.graph(),
        dict(builder.relus),
        dict(builder.levels),
        None if predict is None else _of_classes(predict, builder.scale),
        None if logits is None else _of_classes(logits),
        simulate,
        loop,
        preprocessing,
        builder.ending,
        frozenset(builder.maxima),
        {node: tuple(roundings) for node, roundings in builder.roundings.items()},
        builder.border,
        notes=tuple(builder.notes),
    )


def _of_classes(predict: Predict, scale: tuple[float, float] = UNSCALED) -> Predict:
    """The same function without a scale, and with outputs (N, K) for classes of one pixel, such as (N, 1, K).

    Args:
        predict: The function, which returns gain x + shift.
        scale: (gain, shift).
    """
    gain, shift = scale

    def flat(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        outputs = predict(inputs)
        axes = [size for size in outputs.shape[1:] if size != 1]
        outputs = outputs.reshape(len(outputs), -1) if outputs.ndim > 2 and len(axes) <= 1 else outputs
        return outputs if scale == UNSCALED else np.asarray((outputs.astype(np.float64) - shift) / gain, np.float32)

    return flat
