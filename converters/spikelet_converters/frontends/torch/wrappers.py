"""Networks and layers in wrappers of torch, which change where and how they run, and not what they compute."""

from __future__ import annotations

import torch
from torch import nn

from spikelet.errors import ConversionError

_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def plain(network: nn.Module, reference: str = "the network") -> nn.Module:
    """Return the network in a wrapper of DataParallel or torch.compile, and any other network itself.

    Args:
        network: The network. Wrappers of its layers stay; the tracer calls the layers in them.
        reference: Name of the network in error messages.

    Raises:
        ConversionError: It is or contains a TorchScript program, or its weights have no values.

    Examples:
        >>> plain(nn.DataParallel(nn.Flatten()))
        Flatten(start_dim=1, end_dim=-1)
    """
    while (inner := wrapped(network)) is not None:
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


def wrapped(module: nn.Module) -> nn.Module | None:
    """Return the module in a wrapper, or None for other modules."""
    inner = module.module if isinstance(module, _PARALLEL) else getattr(module, "_orig_mod", None)
    return inner if isinstance(inner, nn.Module) else None
