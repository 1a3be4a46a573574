"""Exact counts of the operations of one image, node by node.

Accumulates are spikes multiplied by their fan-out (`fanout`). Multiply-accumulates are caused by analog values; all
non-zero weights count. The static part, which depends on the image only, can be computed once or at every
time-step. Both counts are returned; the engines of spikelet compute it once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from spikelet.graph import Graph
from spikelet.metrics.fanout import Site
from spikelet.metrics.tally import Tally
from spikelet.options import instance, instances


@dataclass(frozen=True)
class Row:
    """Operations of one node for one image and T time-steps (mean over the images).

    Attributes:
        node: Name of the node.
        kind: Type of the input, see `fanout.Kind`.
        acs: Accumulates.
        macs, adds: Operations on currents, over all time-steps.
        static_macs, static_adds: Operations that depend on the image only, counted once.
        dense: Operations of one evaluation of every connection.
        possible: Accumulates if every neuron fired at every time-step.
        dense_events: Connections with spike inputs times T and copies, for hardware that evaluates every connection.
        weights: Number of weights of the node.
    """

    node: str
    kind: str
    acs: float
    macs: int
    adds: int
    static_macs: int
    static_adds: int
    dense: int
    possible: int
    dense_events: int
    weights: int

    @property
    def rate(self) -> float | None:
        """Spike rate at the synapses: accumulates divided by those if every neuron fired."""
        return self.acs / self.possible if self.possible else None


@dataclass(frozen=True)
class Operations:
    """Operations of one image (mean over the images).

    Attributes:
        images: Number of images.
        steps: T, or the mean exit step with early exit.
        rows: Operations by node.
        neurons: Number of neurons by layer.
        spikes: Number of spikes by layer.
    """

    images: int
    steps: float
    rows: tuple[Row, ...]
    neurons: Mapping[str, int]
    spikes: Mapping[str, float]

    @property
    def neuron_updates(self) -> float:
        """Neurons times time-steps: every neuron is updated at every time-step."""
        return sum(self.neurons.values()) * self.steps

    def total(self, field: str) -> float:
        """Return the sum of a field over the rows."""
        return float(sum(getattr(row, field) for row in self.rows))

    @property
    def rate(self) -> float:
        """Spike rate at the synapses of the whole network: accumulates divided by possible accumulates."""
        possible = self.total("possible")
        return self.total("acs") / possible if possible else 0.0

    @property
    def dense_macs(self) -> float:
        """Multiply-accumulates of the source network: every weight times the number of its uses."""
        return float(sum(row.dense for row in self.rows if row.weights))

    def at_rate(self, rate: float) -> Operations:
        """Return the operations of the same network and time-steps at this spike rate at every synapse."""
        rows = tuple(replace(row, acs=row.possible * rate) for row in self.rows)
        spikes = {name: count * self.steps * rate for name, count in self.neurons.items()}
        return replace(self, rows=rows, spikes=spikes)

    def as_json(self) -> dict[str, object]:
        """Convert to a JSON object: totals, and every node."""
        fields = ("acs", "macs", "adds", "static_macs", "static_adds", "dense", "dense_events")
        return {
            "per_image": {name: self.total(name) for name in fields}
            | {
                "macs_if_static_part_is_computed_once": self.total("macs") + self.total("static_macs"),
                "macs_if_computed_at_every_step": self.total("macs") + self.steps * self.total("static_macs"),
                "neuron_updates": self.neuron_updates,
                "spikes": sum(self.spikes.values()),
                "spike_rate_at_synapses": self.rate,
            },
            "by_node": [
                {"node": row.node, "input": row.kind, "spike_rate": row.rate}
                | {name: getattr(row, name) for name in fields}
                for row in self.rows
            ],
        }


def operations(graph: Graph, sites: Sequence[Site], counted: Tally) -> Operations:
    """Compute the mean operations of an image. Raises UsageError for arguments of a wrong type."""
    instance("graph", graph, Graph)
    instances("sites", sites, Site)
    instance("counted", counted, Tally)
    rows = tuple(_row(site, counted) for site in sites)
    return Operations(
        images=counted.images,
        steps=counted.steps,
        rows=rows,
        neurons={name: graph.neurons(name) for name in graph.spiking},
        spikes={name: int(spikes.sum()) / counted.images for name, spikes in counted.spikes.items()},
    )


def accumulates(site: Site, counted: Tally) -> int:
    """Count the accumulates at one node over all images and time-steps: spikes of each neuron times its reach."""
    return sum(int((counted.spikes[name] * reach).sum()) for name, reach in site.reach.items())


def _row(site: Site, counted: Tally) -> Row:
    steps, operation = counted.steps, site.operation
    count = 0 if operation == "ac" else site.nonzero
    return Row(
        node=site.node,
        kind=site.kind,
        acs=accumulates(site, counted) / counted.images,
        macs=count * steps if operation == "mac" and not site.static else 0,
        adds=count * steps if operation == "add" and not site.static else 0,
        static_macs=count if operation == "mac" and site.static else 0,
        static_adds=count if operation == "add" and site.static else 0,
        dense=site.dense,
        possible=site.possible * steps,
        dense_events=site.dense * site.copies * steps if operation == "ac" else 0,
        weights=site.weights,
    )
