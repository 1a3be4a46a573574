"""The neuron table of a layer, with the spike rates over all images."""

from __future__ import annotations

from spikelet_gui.models.activity.table import NeuronTable, table_of
from spikelet_gui.models.activity.trace import Trace
from spikelet_gui.models.analysis.sweep import Sweep


class TableCache:
    """Keeps the table that was computed last."""

    def __init__(self) -> None:
        self._kept: tuple[Trace, Sweep | None, str, NeuronTable] | None = None

    def table(self, trace: Trace | None, sweep: Sweep | None, layer: str) -> NeuronTable | None:
        """Return the neurons of a layer; None while there is no trace, or if the layer does not spike.

        Args:
            trace: The run on the selected input.
            sweep: Measurement over many images, or None.
            layer: Name of the layer.
        """
        if trace is None or layer not in trace.spikes:
            return None
        kept = self._kept
        if kept is None or kept[0] is not trace or kept[1] is not sweep or kept[2] != layer:
            kept = trace, sweep, layer, table_of(trace, layer, None if sweep is None else sweep.rates(layer))
            self._kept = kept
        return kept[3]
