"""Form in which the native engine evaluates each layer, and its work compared with the dense layer."""

from __future__ import annotations

from typing import TypedDict

from spikelet.bundle import Bundle
from spikelet.engines import native
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.layer_forms import Form
from spikelet.metrics.fanout import sites
from spikelet.nodes import Conv2d, Linear


class LayerWork(TypedDict):
    """Work of a Conv2d or Linear in one time-step.

    Attributes:
        node: Name of the node.
        form: Form in which the native engine evaluates it, see `LayerForms.form`.
        dense: Number of multiplications of the dense layer.
        added: Number of weights that spikes select, mean over the golden inputs; `dense` for a layer that reads the
            image.
    """

    node: str
    form: Form
    dense: int
    added: float


def layers(bundle: Bundle) -> list[LayerWork]:
    """Return the work of each layer, in topological order, with the spikes of the golden inputs.

    Raises:
        EngineError: The network is float32.
    """
    program, spikes = HostProgram(bundle.graph, product_bytes=native.product_bytes()), bundle.golden.spikes
    work: list[LayerWork] = []
    for site in sites(bundle.graph):
        if not isinstance(bundle.graph.nodes[site.node], Conv2d | Linear):
            continue
        added = float(site.dense)
        if site.operation == "ac":
            added = sum(
                float((spikes[name].mean((0, 1)) * reach.reshape(-1)).sum()) for name, reach in site.reach.items()
            )
        work.append({"node": site.node, "form": program.plan.form(site.node), "dense": site.dense, "added": added})
    return work
