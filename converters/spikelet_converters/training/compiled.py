"""Compilation of the training pass with torch.compile, which is optional."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Forward = Callable[[Tensor], Tensor]


class CompiledForward:
    """The forward pass of a network, compiled at its first call.

    If the compiler fails (no C++ compiler, an unsupported operation), the network is called without it from then on.

    Attributes:
        failure: Message of the compiler, or None.
    """

    def __init__(self, network: nn.Module) -> None:
        self.failure: str | None = None
        self._network = network
        self._call: Forward = torch.compile(network)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the logits (N, K) for pixels (N, C, H, W)."""
        if self.failure is None:
            try:
                return self._call(pixels)
            except Exception as error:  # the compiler raises errors of many types
                self.failure = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        logits: Tensor = self._network(pixels)
        return logits
