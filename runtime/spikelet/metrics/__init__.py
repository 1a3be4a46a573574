"""Metrics of a network: accuracy, spikes, operations, memory traffic and energy.

`measure` runs the images once. Operations are counted from the spikes; energy is estimated from the operations
with published energies per operation (`profiles/*.toml`).
"""

from spikelet.metrics.energy import EnergyBaseline, Estimate, estimate
from spikelet.metrics.hardware import Profile, builtin, load_profile
from spikelet.metrics.measurement import Measurement, measure
from spikelet.metrics.operations import Operations, operations
from spikelet.metrics.tally import Tally, tally

__all__ = [
    "EnergyBaseline",
    "Estimate",
    "Measurement",
    "Operations",
    "Profile",
    "Tally",
    "builtin",
    "estimate",
    "load_profile",
    "measure",
    "operations",
    "tally",
]
