"""COS: calibrating offset spikes (Hao et al., ICLR 2023).

A layer is run for rho time-steps. A neuron that has fired and ends with v < 0 has one spike too many: v_init is lowered
by at least theta, and far enough to suppress its weakest spike. A neuron that ends with v >= theta has one spike too
few: v_init is raised by at least theta, and far enough that its largest potential without spike reaches the threshold.
Then the layer is run again. Layers are calibrated in order, each on the spikes of the calibrated layer before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spikelet.nodes import IF
from spikelet_converters.baselines.base import Images, NeuronRule
from spikelet_converters.baselines.multi_step import MultiStep, Neuron, parameters
from spikelet_converters.calibration.analog import integrate


def offset(current: Tensor, start: Tensor, theta: Tensor) -> Tensor:
    """Return the shifted initial potential, (N, …), for a current (rho, N, …) and the initial potential `start`."""
    # Potentials of an exact network are whole numbers, so 1 is the smallest change that resolves a tie.
    v = start.clone()
    weakest = torch.full_like(v, torch.inf)  # smallest potential that fired, before the reset
    strongest = torch.full_like(v, -torch.inf)  # largest potential that did not fire
    count = torch.zeros_like(v)
    for step in current:
        v = v + step
        fired = v >= theta
        weakest = torch.where(fired, torch.minimum(weakest, v), weakest)
        strongest = torch.where(fired, strongest, torch.maximum(strongest, v))
        count += fired
        v = v - theta * fired
    lower = torch.maximum(weakest - theta + 1, theta)
    higher = torch.where(strongest.isinf(), theta, torch.maximum(theta - strongest, theta))
    shifted = torch.where((v < 0) & (count > 0), start - lower, start)
    return torch.where(v >= theta, start + higher, shifted)


@dataclass(frozen=True)
class COS(NeuronRule):
    """Calibration of offset spikes.

    Attributes:
        rho: Number of pre-steps.
    """

    name = "cos"
    about = "two passes; v(0) is shifted by the offset spike (Hao et al., ICLR 2023)"
    rho: int = 4

    @property
    def pre_steps(self) -> int:
        return self.rho

    def total_steps(self, steps: int) -> int:
        return max(self.rho, steps)

    def rule(self, simulation: MultiStep, network: nn.Module, images: Images, steps: int) -> Neuron:
        def neuron(name: str, node: IF, current: Tensor) -> Tensor:
            theta, start = parameters(node, current)
            return integrate(current, offset(current[: self.rho], start, theta), theta)[0]

        return neuron
