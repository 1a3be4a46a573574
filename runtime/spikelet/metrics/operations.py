"""Operations of one image: exact counts, node by node.

Accumulates come from the spikes that fired, times how far each reaches (`fanout`). Multiply-accumulates come
from analog values and are counted in full, non-zero weights only. What depends on the image alone can be
computed once or at every time-step, and both are shown; once is what the engines here do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spikelet.graph import Graph
from spikelet.metrics.fanout import Site
from spikelet.metrics.tally import Tally


@dataclass(frozen=True)
class Row:
    """Operations of one node for one image, T time-steps (mean over the images).

    acs: accumulates. macs, adds: of currents, at every time-step; static_macs, static_adds: of what depends on the
    image alone, once. dense: one evaluation of every connection. possible: accumulates if every neuron fired at
    every time-step. dense_events: connections that take spikes, at every time-step, for machines that do not
    follow spikes. weights: how many the node holds.
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
        """Spike rate seen by the synapses: accumulates over what they would be if every neuron fired."""
        return self.acs / self.possible if self.possible else None


@dataclass(frozen=True)
class Operations:
    """Operations of one image (mean).

    steps: T, or the mean of it where images leave early. neurons: by layer. spikes: fired, by layer.
    """

    images: int
    steps: float
    rows: tuple[Row, ...]
    neurons: Mapping[str, int]
    spikes: Mapping[str, float]

    @property
    def neuron_updates(self) -> float:
        """Neurons times time-steps: each integrates, and is compared with its threshold, at every step."""
        return sum(self.neurons.values()) * self.steps

    def total(self, field: str) -> float:
        """Sum of a field of the rows."""
        return float(sum(getattr(row, field) for row in self.rows))

    @property
    def rate(self) -> float:
        """Spike rate that the synapses see, over the network: accumulates over possible accumulates."""
        possible = self.total("possible")
        return self.total("acs") / possible if possible else 0.0

    @property
    def dense_macs(self) -> float:
        """Multiply-accumulates of the source network: every weight once for each place it is used at."""
        return float(sum(row.dense for row in self.rows if row.weights))

    def at_rate(self, rate: float) -> Operations:
        """The same network and time-steps if every synapse saw this spike rate."""
        rows = tuple(replace(row, acs=row.possible * rate) for row in self.rows)
        spikes = {name: count * self.steps * rate for name, count in self.neurons.items()}
        return replace(self, rows=rows, spikes=spikes)

    def as_json(self) -> dict[str, Any]:
        """For JSON: totals, and every node."""
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


def operations(graph: Graph, places: Sequence[Site], counted: Tally) -> Operations:
    """Operations of the mean image."""
    rows = tuple(_row(place, counted) for place in places)
    return Operations(
        images=counted.images,
        steps=counted.steps,
        rows=rows,
        neurons={name: graph.neurons(name) for name in graph.spiking},
        spikes={name: int(each.sum()) / counted.images for name, each in counted.spikes.items()},
    )


def accumulates(place: Site, counted: Tally) -> int:
    """Accumulates at one node over all images and time-steps: spikes of each neuron times its reach."""
    return sum(int((counted.spikes[name] * reach).sum()) for name, reach in place.reach.items())


def _row(place: Site, counted: Tally) -> Row:
    steps, of = counted.steps, place.operation
    whole = 0 if of == "ac" else place.nonzero
    return Row(
        node=place.node,
        kind=place.kind,
        acs=accumulates(place, counted) / counted.images,
        macs=whole * steps if of == "mac" and not place.static else 0,
        adds=whole * steps if of == "add" and not place.static else 0,
        static_macs=whole if of == "mac" and place.static else 0,
        static_adds=whole if of == "add" and place.static else 0,
        dense=place.dense,
        possible=place.possible * steps,
        dense_events=place.dense * steps if of == "ac" else 0,
        weights=place.weights,
    )
