"""Interpret traced calls by their targets and arguments."""

from __future__ import annotations

import numpy as np
import torch
from torch import fx
from torch.nn import functional as F

from spikelet.nodes import Shape


def cap(step: fx.Node) -> float | bool | None:
    """The cap of a functional rectifier, None for one without a cap, or False if the call is not a rectifier."""
    target, args, kwargs = step.target, step.args, step.kwargs
    if target in (torch.relu, F.relu, torch.relu_, "relu", "relu_"):
        return None
    if target is F.relu6:
        return 6.0
    if target in (F.hardtanh, torch.clamp, torch.clip, "clamp", "clip", "clamp_"):
        named = ("min_val", "max_val") if target is F.hardtanh else ("min", "max")
        low, high = (kwargs.get(key, args[i] if len(args) > i else None) for i, key in enumerate(named, 1))
        if low == 0 and (high is None or isinstance(high, int | float)):
            return None if high is None else float(high)
    return False


def is_size(step: fx.Node) -> bool:
    """Whether a call is x.size(…) or x.shape, as used before a view."""
    return (step.op == "call_method" and step.target == "size") or (
        step.op == "call_function" and step.target is getattr and step.args[1] == "shape"
    )


def flattens(step: fx.Node, shape: Shape) -> bool:
    """Whether a view flattens all axes after the batch: x.view(x.size(0), -1) or x.view(-1, F)."""
    sizes = step.args[1] if len(step.args) == 2 and isinstance(step.args[1], tuple | list) else step.args[1:]
    return len(sizes) == 2 and bool(sizes[1] == -1 or (sizes[0] == -1 and sizes[1] == int(np.prod(shape))))
