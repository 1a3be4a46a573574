"""Measure a bundle on a set of images: accuracy, spike rates, operations, early exit, NeuroBench."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spikelet.array_fields import ShortRepr
from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.engines import choose
from spikelet.errors import DataError
from spikelet.inputs import as_sequence, resolve_steps
from spikelet.metrics import accuracy, neurobench
from spikelet.metrics.accuracy import AccuracyPoint, SourceResults, order_of_labels
from spikelet.metrics.energy import Estimate, estimate
from spikelet.metrics.exits import Exit, exit_curve
from spikelet.metrics.fanout import sites
from spikelet.metrics.hardware import Profile
from spikelet.metrics.operations import Operations, operations
from spikelet.metrics.rates import LayerRate, layer_rates
from spikelet.metrics.tally import Tally, tally
from spikelet.metrics.traffic import BUFFER
from spikelet.options import function, instance, whole
from spikelet.version import __version__


@dataclass(frozen=True, repr=False)
class Measurement(ShortRepr):
    """The metrics of a bundle on a set of images.

    Attributes:
        bundle: The bundle.
        data: The images.
        engine: Name of the engine.
        counted: Counts of spikes and predictions.
        operations: Mean operations of an image.
        accuracy: Accuracy at each time-step with a 95% interval; None if the images have no labels.
        source_results: Recorded results of the source network on these images.
        exits: Early-exit trade-off.
        rates: Spike rates by layer.
        neurobench: NeuroBench metrics.
        buffer: Bytes of on-chip memory per buffer, see `traffic`.
    """

    bundle: Bundle
    data: ImageSet
    engine: str
    counted: Tally
    operations: Operations
    accuracy: list[AccuracyPoint] | None
    source_results: SourceResults
    exits: list[Exit]
    rates: list[LayerRate]
    neurobench: neurobench.NeuroBench
    buffer: int = BUFFER

    def estimates(self, profiles: Sequence[Profile]) -> list[Estimate]:
        """Estimate the energy of an image with every profile that has figures."""
        return [
            estimate(self.bundle.graph, self.operations, profile, self.buffer) for profile in profiles if profile.priced
        ]

    def as_json(self) -> dict[str, object]:
        """Convert the metrics, except for energy, to a JSON object."""
        return {
            "bundle": self.bundle.manifest.name,
            "bundle_digest": self.bundle.digest,
            "data": self.data.name,
            "data_digest": self.data.digest,
            "images": len(self.data),
            "steps": self.counted.steps,
            "engine": self.engine,
            "version": __version__,
            "accuracy": self.accuracy,
            "note_on_labels": order_of_labels(self.counted.predictions[-1], self.data.labels) or None,
            "interval": "Wilson, 95%",
            "float_network": self.source_results,
            "early_exit": [point.as_json() for point in self.exits],
            "layers": [layer.as_json() for layer in self.rates],
            "operations": self.operations.as_json(),
            "neurobench": self.neurobench.as_json(),
        }


def measure(
    bundle: Bundle,
    data: ImageSet,
    steps: int,
    engine: str = "auto",
    threads: int | None = None,
    buffer: int = BUFFER,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Measurement:
    """Run images for `steps` time-steps and compute all metrics.

    Args:
        bundle: The bundle.
        data: The images, with or without labels.
        steps: Number of time-steps T.
        engine: "auto", "numpy", "onnx" or "native".
        threads: Number of threads; None for the default.
        buffer: Bytes of on-chip memory per buffer, see `traffic`.
        on_progress: Called with the number of images done and the total.

    Raises:
        DataError: There are no images, they do not fit the network, or a label is out of range.
        UsageError: `steps` exceeds the number of time-steps that are proven exact.
        CostError: The measurement needs more memory or operations than the limits permit, see `spikelet.limits`.

    Examples:
        >>> from spikelet import bundle, metrics, shipped
        >>> contents = bundle.read(shipped.demo())
        >>> images = shipped.images_for(contents.graph.input.shape, contents.manifest.labels).subset(4)
        >>> measured = metrics.measure(contents, images, steps=2, engine="numpy")
        >>> [point["accuracy"] for point in measured.accuracy], f"{measured.operations.total('acs'):,.0f}"
        ([0.75, 1.0], '16,155,738')
    """
    instance("bundle", bundle, Bundle)
    instance("data", data, ImageSet)
    function("on_progress", on_progress)
    graph = bundle.graph
    if not len(data):
        raise DataError(f"{data.name}: contains no images")
    accuracy.check_labels(data, graph.classes)
    as_sequence(graph, data.images)
    buffer = whole("buffer", buffer)
    steps = resolve_steps(steps, 1, bundle.step_limit, default=bundle.default_steps)
    engine = choose(graph, engine, steps=steps)
    counted = tally(graph, sites(graph), data.images, steps, engine, threads, on_progress)
    return summarise(bundle, data, counted, engine, buffer)


def summarise(bundle: Bundle, data: ImageSet, counted: Tally, engine: str, buffer: int = BUFFER) -> Measurement:
    """Compute all metrics from the counts of a run.

    Args:
        bundle: The bundle that ran.
        data: The images.
        counted: Spikes and predictions of all images.
        engine: Name of the engine that ran.
        buffer: Bytes of on-chip memory, see `traffic`.
    """
    graph, steps = bundle.graph, counted.steps
    return Measurement(
        bundle=bundle,
        data=data,
        engine=engine,
        counted=counted,
        operations=operations(graph, sites(graph), counted),
        accuracy=accuracy.accuracy(counted.predictions, data.labels),
        source_results=accuracy.source_results(bundle.manifest, data),
        exits=exit_curve(counted, data.labels),
        rates=layer_rates(counted),
        neurobench=neurobench.neurobench(graph, data.images[: neurobench.IMAGES], steps, engine),
        buffer=buffer,
    )
