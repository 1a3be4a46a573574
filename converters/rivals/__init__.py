"""Rivals by name: other ways to a spiking network at few time-steps, on the same trained networks and data."""

from spikelet.converters.rivals.base import NeuronRule, Recalibration, Rival
from spikelet.converters.rivals.cos import COS
from spikelet.converters.rivals.folded import Folded
from spikelet.converters.rivals.ftbc import FTBC
from spikelet.converters.rivals.rts import RTS
from spikelet.converters.rivals.snnc import SNNC
from spikelet.converters.rivals.srp import SRP

RIVALS: dict[str, type[Rival]] = {rival.name: rival for rival in (SRP, COS, RTS, SNNC, FTBC)}

__all__ = ["COS", "FTBC", "RIVALS", "RTS", "SNNC", "SRP", "Folded", "NeuronRule", "Recalibration", "Rival"]
