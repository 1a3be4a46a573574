"""What a network costs and what it gives: accuracy, spikes, operations, memory traffic, energy.

Operations are counted from the spikes that fired, energy is estimated from them with published figures per
operation (`profiles/*.toml`). Pure functions below, one stream over the data above: `measure`.
"""

from spikelet.metrics.energy import Baseline, Estimate, estimate
from spikelet.metrics.hardware import Profile, builtin, load_profile
from spikelet.metrics.measurement import Measurement, measure
from spikelet.metrics.operations import Operations, operations
from spikelet.metrics.tally import Tally, tally

__all__ = [
    "Baseline",
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
