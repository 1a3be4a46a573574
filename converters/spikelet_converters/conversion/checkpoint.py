"""Convert a checkpoint to a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from torch import nn

from spikelet.bundle import Bundle
from spikelet.data.images import ImageSet
from spikelet_converters.conversion.assembly import Description, SourceComparison, assemble
from spikelet_converters.conversion.layer_report import REPORTED_STEPS, Reference
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.frontends.values import node_name
from spikelet_converters.source_model.activation import Mode, spiking_layers
from spikelet_converters.source_model.evaluation import as_pixels
from spikelet_converters.source_model.simulation import float_logits, layer_rates
from spikelet_converters.torch_threads import divided
from spikelet_converters.training.checkpoint import Checkpoint


@divided()
def convert(
    checkpoint: Checkpoint,
    name: str,
    *,
    bits: int = 8,
    float32: bool = False,
    steps: int = max(REPORTED_STEPS),
    data: Sequence[ImageSet] = (),
    labels: tuple[str, ...] | None = None,
    command: str = "",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Bundle:
    """Convert a trained source network to a bundle.

    Args:
        checkpoint: The source network.
        name: Name of the network in the manifest.
        bits: Bits of the weights, 4…12.
        float32: Keep float32 weights. Engines then agree up to ties.
        steps: Number of time-steps T for which the bundle is exact.
        data: Image sets to measure on. Without data the bundle has no accuracies and spike rates.
        labels: Class names.
        command: Command line, for the manifest.
        on_progress: Called with the number of images done and the total.

    Raises:
        ConversionError: The network cannot be converted, or has no exact form at these bits.
    """
    network = checkpoint.network()
    spec = checkpoint.spec
    provenance = {
        "network": spec.model,
        "levels": spec.levels,
        "residual": spec.residual,
        **checkpoint.provenance,
    }
    return assemble(
        trace(network, spec.shape),
        None if float32 else bits,
        Description(name, labels, provenance, command),
        SourceComparison(_reference(network), data, on_progress=on_progress),
        steps=steps,
    )


def _reference(network: nn.Module) -> Reference:
    """Return a function from images to the predictions and activations of a source network."""
    modules = {node_name(name): module for name, module in spiking_layers(network).items()}

    def reference(batch: ImageSet) -> tuple[npt.NDArray[np.int64], Mapping[str, npt.NDArray[np.float32]]]:
        pixels = as_pixels(batch.images)
        predictions = float_logits(network, pixels).argmax(1).numpy()
        rates = {node_name(k): v for k, v in layer_rates(network, pixels, Mode.RATE, 1).items()}
        return predictions, {k: modules[k].in_thresholds(v).numpy() for k, v in rates.items() if k in modules}

    return reference
