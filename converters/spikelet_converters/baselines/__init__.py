"""Baselines by name: published methods for few time-steps, applied to the same trained networks and data."""

from spikelet_converters.baselines.base import Baseline, NeuronRule, Recalibration
from spikelet_converters.baselines.cos import COS
from spikelet_converters.baselines.ftbc import FTBC
from spikelet_converters.baselines.multi_step import MultiStep
from spikelet_converters.baselines.rts import RTS
from spikelet_converters.baselines.snnc import SNNC
from spikelet_converters.baselines.srp import SRP

BASELINES: dict[str, type[Baseline]] = {baseline.name: baseline for baseline in (SRP, COS, RTS, SNNC, FTBC)}

__all__ = ["BASELINES", "COS", "FTBC", "RTS", "SNNC", "SRP", "Baseline", "MultiStep", "NeuronRule", "Recalibration"]
