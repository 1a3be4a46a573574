"""Rivals by name: other ways to a spiking network at few time-steps, on the same trained networks and data."""

from spikelet_converters.baselines.base import NeuronRule, Recalibration, Rival
from spikelet_converters.baselines.cos import COS
from spikelet_converters.baselines.folded import Folded
from spikelet_converters.baselines.ftbc import FTBC
from spikelet_converters.baselines.rts import RTS
from spikelet_converters.baselines.snnc import SNNC
from spikelet_converters.baselines.srp import SRP

RIVALS: dict[str, type[Rival]] = {rival.name: rival for rival in (SRP, COS, RTS, SNNC, FTBC)}

__all__ = ["COS", "FTBC", "RIVALS", "RTS", "SNNC", "SRP", "Folded", "NeuronRule", "Recalibration", "Rival"]
