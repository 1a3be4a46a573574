"""Compilation of the training pass with torch.compile, which is optional."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Forward = Callable[[Tensor], Tensor]
# Random numbers are those of code that is not compiled, from torch's generator. The compiler's own take so long on a
# processor that a pass with noise takes 1.5 times as long.
OPTIONS: dict[str, str | int | bool | Callable[..., object]] = {"fallback_random": True}


class CompiledForward:
    """The forward pass of a network, compiled at its first call.

    If the compiler fails (no C++ compiler, an unsupported operation), the network is called without it from then on.

    Args:
        network: The network.
        on_failure: Called once with the message of the compiler, if it fails.
    """

    def __init__(self, network: nn.Module, on_failure: Callable[[str], None] = lambda _: None) -> None:
        self._network = network
        self._on_failure = on_failure
        torch.compiler.reset()  # forms that were compiled for earlier networks count towards a limit
        self._call: Forward | None = torch.compile(network, options=OPTIONS)

    @property
    def compiled(self) -> bool:
        """Whether the compiler has not failed."""
        return self._call is not None

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the logits (N, K) for pixels (N, C, H, W)."""
        if self._call is not None:
            try:
                return self._call(pixels)
            except Exception as error:  # the compiler raises errors of many types
                self._call = None
                self._on_failure(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
        logits: Tensor = self._network(pixels)
        return logits
