"""Networks in wrappers of torch, which change where and how a network runs, and not what it computes."""

from __future__ import annotations

import copy

import torch
from torch import nn

from spikelet.errors import ConversionError

_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def plain(network: nn.Module, reference: str = "the network") -> nn.Module:
    """Return a network without wrappers: DataParallel and torch.compile. It is not changed.

    Args:
        network: The network. Its layers may be wrapped, too.
        reference: Name of the network in error messages.

    Raises:
        ConversionError: It is or contains a TorchScript program, or its weights have no values.

    Examples:
        >>> plain(nn.DataParallel(nn.Flatten()))
        Flatten(start_dim=1, end_dim=-1)
    """
    wrapped = [name for name, module in network.named_modules() if _inner(module) is not None]
    if any(wrapped):  # a layer, not the network alone
        network = copy.deepcopy(network)
    for name in reversed(wrapped):  # inner ones first
        inner = _inner(network.get_submodule(name))
        assert inner is not None
        if name:
            network.set_submodule(name, inner)
        else:
            network = inner
    for name, module in network.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            where = f"module {name}" if name else reference
            raise ConversionError(
                f"{where}: is a TorchScript program; expected the torch.nn.Module from which it was made, or export it "
                "with torch.onnx.export"
            )
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if tensor.is_meta:
            raise ConversionError(
                f"{reference}: {name} has no values, since it is on the device meta; make the network on the processor"
            )
    return network


def _inner(module: nn.Module) -> nn.Module | None:
    """Return the module in a wrapper, or None for other modules."""
    inner = module.module if isinstance(module, _PARALLEL) else getattr(module, "_orig_mod", None)
    return inner if isinstance(inner, nn.Module) else None
