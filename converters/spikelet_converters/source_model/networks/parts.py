"""Parts of the reference networks: normalisation of the input and initialisation of the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from spikelet.errors import UsageError
from spikelet_converters.source_model.activation import InputLayer, SpikingActivation

ActivationFactory = Callable[[int], SpikingActivation]  # takes the number of channels
Size = tuple[int, int]  # (height, width) of the input


class Normalise(InputLayer):
    """Compute (pixel - mean_c) / std_c for pixels 0…255.

    The mean is a whole number, so that conversion can subtract it exactly at the input node. Zero padding then stays
    zero, and 1/std is folded into the first weights.

    Args:
        mean, std: (C,), in pixel units.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[int], std: Sequence[float]) -> None:
        super().__init__()
        if any(m != int(m) for m in mean):
            raise UsageError(f"the mean of the input must be whole numbers, found {list(mean)}")
        self.register_buffer("mean", torch.tensor([float(m) for m in mean]).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor([float(s) for s in std]).reshape(1, -1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the normalised input, (steps N, C, H, W), of pixels 0…255, (N, C, H, W)."""
        return self.repeated((pixels - self.mean) / self.std)


def initialise(network: nn.Module) -> None:
    """Apply He initialisation (fan out) to convolutions. Batch norm and linear layers keep the defaults of torch.

    Weights on the device "meta" have no values; torch would import its compiler for them, which takes over a second.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
