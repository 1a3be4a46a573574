"""SRP: reset by the residual membrane potential (Hao et al., AAAI 2023).

The network is run for tau pre-steps. Neurons whose potential is then 0 or less are assumed to have activation 0.
All potentials are reset to v_init, and in the following time-steps only the other neurons can fire.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spikelet.nodes import IF
from spikelet_converters.baselines.base import Images, NeuronRule
from spikelet_converters.baselines.multi_step import MultiStep, Neuron, parameters
from spikelet_converters.calibration.analog import integrate


@dataclass(frozen=True)
class SRP(NeuronRule):
    """Reset by the residual membrane potential.

    Attributes:
        tau: Number of pre-steps.
    """

    name = "srp"
    about = "two passes; neurons with v(tau) <= 0 are silenced (Hao et al., AAAI 2023)"
    tau: int = 4

    @property
    def pre_steps(self) -> int:
        return self.tau

    def total_steps(self, steps: int) -> int:
        return self.tau + steps

    def output_steps(self, steps: int) -> slice:
        return slice(self.tau, self.tau + steps)

    def rule(self, simulation: MultiStep, network: nn.Module, images: Images, steps: int) -> Neuron:
        def neuron(name: str, node: IF, current: Tensor) -> Tensor:
            theta, start = parameters(node, current)
            pre_spikes, v = integrate(current[: self.tau], start, theta)
            spikes, _ = integrate(current[self.tau :], start, theta)
            return torch.cat([pre_spikes, spikes * (v > 0)])

        return neuron
