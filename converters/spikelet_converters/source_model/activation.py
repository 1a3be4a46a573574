"""The source activation: a clip-floor quantiser q(z) that an integrate-and-fire (IF) neuron approximates.

With theta = lambda and v_init = theta/2, the expected spike rate of an IF neuron with reset by subtraction is q (OPI:
Bu et al., AAAI 2022). During training a residual strategy can add a model of the residual error to q.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spikelet import options
from spikelet.choices import MAX_LEVELS
from spikelet_converters.source_model.firing import copies_fire
from spikelet_converters.source_model.quantiser import ClipFloor, Form, along_channels, along_rows
from spikelet_converters.source_model.residual import Residual


class Mode(enum.Enum):
    """Evaluation mode of a SpikingActivation."""

    RATE = "rate"  # the quantiser, plus the residual in training mode
    SPIKES = "spikes"  # theta-scaled spikes of an IF neuron; time-steps are in the batch axis


@dataclass(frozen=True)
class Simulation:
    """Settings for evaluating the activations of a network outside of training.

    Attributes:
        mode: Quantiser or spikes.
        steps: Number of time-steps T in spike mode.
        rows: Number of images per time-step. A layer that receives exactly this many rows has a constant input.
        record: Keep the activation, or the spike rate after T time-steps, of every layer.
        noisy: Apply the residual.
        copies: Number k of neurons per channel, which start at different potentials (`conversion.copies`).
        average: Weights of the time-steps in the recorded rate of each image, (T, N). None is the mean.
    """

    mode: Mode = Mode.RATE
    steps: int = 1
    rows: int = 0
    record: bool = False
    noisy: bool = False
    copies: int = 1
    average: Tensor | None = None


NOT_SIMULATED = Simulation()


class SpikingActivation(nn.Module):
    """Quantiser with a trainable threshold lambda in training, IF neuron in simulation.

    The trained parameter is rho, with lambda = softplus(rho), so that lambda stays positive.

    Args:
        levels: Number of levels L of the quantiser.
        residual: Model of the residual error, applied in training.
        lambda_init: Initial lambda, in units of the activation.
        channels: Number of channels if the initial potential is trained, one value per channel. With None it is
            fixed at theta/2.
        slope: Share of the clipped identity in the activation (SlipReLU). 0 is QCFS.
        thresholds: Number of channels if there is one threshold per channel. With None there is one for the layer.
        surrogate: Name in `quantiser.SURROGATES` of the gradient.
    """

    def __init__(
        self,
        levels: int,
        residual: Residual,
        lambda_init: float = 8.0,
        channels: int | None = None,
        slope: float = 0.0,
        thresholds: int | None = None,
        surrogate: str = "straight",
    ) -> None:
        super().__init__()
        levels = options.whole("levels", levels, 1, MAX_LEVELS)
        lambda_init = options.real("lambda_init", lambda_init, options.LEAST, options.LARGEST)
        self.levels = levels
        self.residual = residual
        self.slope = slope
        self.surrogate = surrogate
        rho = torch.tensor(_inverse_softplus(lambda_init))
        self.rho = nn.Parameter(rho if thresholds is None else rho.repeat(thresholds))
        self.shift = None if channels is None else nn.Parameter(torch.full((channels,), 0.5))
        self.simulation = NOT_SIMULATED
        self.limit = False  # train on the spike rate for T → ∞, the clipped identity
        self.limit_rows: Tensor | None = None  # the same for some images of a batch, (N,)
        self.recorded: Tensor | None = None
        self.substitute: Tensor | None = None  # returned instead of the activation, to measure one layer in isolation

    @property
    def lam(self) -> Tensor:
        """Threshold: lambda of the quantiser and theta of the neuron, above 0: a scalar, or (C,)."""
        return F.softplus(self.rho)

    @torch.no_grad()
    def in_thresholds(self, values: Tensor) -> Tensor:
        """Return activations (N, C, …) in units of lambda."""
        lam = self.lam
        return values / along_channels(lam, values.ndim)

    def forward(self, z: Tensor) -> Tensor:
        """Return the activation of a current z, (N, C, …); in spike mode, theta times the spikes."""
        z, lam = z.float(), self.lam  # thresholds are never rounded, also under mixed precision
        simulation = self.simulation
        if simulation.mode is Mode.SPIKES:
            return self._spikes(z, lam)
        form = Form(self.levels, self.slope, self.residual.steps, self.surrogate)
        limit = replace(form, slope=1.0)
        if self.training and self.limit_rows is not None:
            rows = along_rows(self.limit_rows, z.ndim)
            a = torch.where(rows, ClipFloor.apply(z, lam, limit, self.shift), ClipFloor.apply(z, lam, form, self.shift))
        else:
            rate = self.residual.lambda_rate if self.training else None
            a = ClipFloor.apply(z, lam, limit if self.training and self.limit else form, self.shift, rate)
        if simulation.record:
            self.recorded = a.detach()
        if self.substitute is not None:
            return self.substitute
        return self.residual.perturb(a) if self.training or simulation.noisy else a

    def _spikes(self, current: Tensor, theta: Tensor) -> Tensor:
        """Return the spikes, averaged over the copies of a neuron, and record their rate."""
        simulation, steps = self.simulation, self.simulation.steps
        constant = steps > 1 and len(current) == simulation.rows
        spikes = copies_fire(current, theta, steps, simulation.copies, shift=self.shift, constant=constant)
        if simulation.record:
            by_step = spikes.unflatten(0, (steps, -1))
            # The mean keeps the memory format of the spikes; otherwise every later layer would copy it.
            rate = torch.empty_like(by_step[0])
            if simulation.average is None:
                self.recorded = torch.mean(by_step, 0, out=rate)
            else:
                self.recorded = rate.zero_()
                for weights, fired in zip(simulation.average, by_step, strict=True):
                    rate.addcmul_(fired, along_rows(weights, fired.ndim))
        return spikes

    def extra_repr(self) -> str:
        return f"levels={self.levels}, lambda={self.lam.mean().item():.4g}, residual={self.residual.name}"


class InputLayer(nn.Module):
    """The first layer of a network, which can repeat its input for each time-step of a simulation.

    Attributes:
        every_step: Whether a simulation has a row of input for each time-step, because the network joins its input with
            spikes. Otherwise one row serves all time-steps.
        steps: Number of time-steps for which the input is repeated.
    """

    def __init__(self) -> None:
        super().__init__()
        self.every_step = False
        self.steps = 1

    def repeated(self, x: Tensor) -> Tensor:
        """Return the input of each time-step, (steps N, C, H, W), of an input (N, C, H, W)."""
        return x if self.steps == 1 else x.repeat(self.steps, 1, 1, 1)


def spiking_layers(network: nn.Module) -> dict[str, SpikingActivation]:
    """Return the spiking activations of a network by module name, in the order of definition."""
    return {name: m for name, m in network.named_modules() if isinstance(m, SpikingActivation)}


def _inverse_softplus(value: float) -> float:
    return value + math.log(-math.expm1(-value))
