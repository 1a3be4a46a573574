"""Weights that torch computes before every call, from the parts that a state dict has of them.

torch stores a pruned weight as the weight before and a mask, and one with weight or spectral normalisation as
directions and lengths, or as the weight before and its singular vectors. The names of the parts are those of a hook
(`conv.weight_orig`, `conv.weight_mask`) or of a parametrisation (`conv.parametrizations.weight.original`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

_OF_HOOK = re.compile(r"(?P<name>.+)_(?P<part>orig|mask|g|u|v)")
_OF_PARAMETRISATION = re.compile(
    r"(?P<path>(?:.+\.)?)parametrizations\.(?P<name>[^.]+)\.(?P<part>original[01]?|0\._[uv])"
)
_PARTS = {"original": "orig", "original0": "g", "original1": "v", "0._u": "u", "0._v": "v"}


def computed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state dict with the weights in place of their parts, as layers without pruning or normalisation have it.

    Args:
        state: The state dict.

    Examples:
        >>> computed({"fc.weight_orig": torch.tensor([2.0, 3.0]), "fc.weight_mask": torch.tensor([1.0, 0.0])})
        {'fc.weight': tensor([2., 0.])}
    """
    parts: dict[str, dict[str, str]] = {}
    for key in state:
        match = _OF_PARAMETRISATION.fullmatch(key) or _OF_HOOK.fullmatch(key)
        if match is not None:
            name = match.groupdict().get("path", "") + match["name"]
            parts.setdefault(name, {})[_PARTS.get(match["part"], match["part"])] = key
    result = dict(state)
    for name, keys in parts.items():
        weight = _weight({part: state[key] for part, key in keys.items()})
        if weight is not None and name not in state:
            result = {key: value for key, value in result.items() if key not in keys.values()} | {name: weight}
    return result


def _weight(parts: Mapping[str, Tensor]) -> Tensor | None:
    """Return the weight that some parts state, or None for other parts."""
    match parts:
        case {"orig": weight, "mask": mask} if len(parts) == 2 and weight.shape == mask.shape:
            return weight * mask
        case {"g": length, "v": direction} if len(parts) == 2:
            return _of_length(direction, length)
        case {"orig": weight, "u": left, "v": right} if len(parts) == 3:
            return _of_norm_one(weight, left, right)
    return None


def _of_length(direction: Tensor, length: Tensor) -> Tensor | None:
    """Return directions of the given lengths: one number, or one for each index of an axis."""
    if length.ndim not in (0, direction.ndim):
        return None
    pairs = zip(length.shape or (1,) * direction.ndim, direction.shape, strict=True)
    if any(a not in (1, b) for a, b in pairs):
        return None
    over = [axis for axis in range(direction.ndim) if not length.ndim or length.shape[axis] == 1]
    return direction * (length / torch.linalg.vector_norm(direction.float(), dim=over, keepdim=True))


def _of_norm_one(weight: Tensor, left: Tensor, right: Tensor) -> Tensor | None:
    """Return a weight divided by its largest singular value, as a matrix of its first or second axis and the others."""
    norms = []
    for axis in range(min(weight.ndim, 2)):
        matrix = weight.movedim(axis, 0).flatten(1)
        if matrix.shape == (left.numel(), right.numel()):
            norms.append(torch.dot(left.float().ravel(), matrix.float() @ right.float().ravel()))
    return weight / max(norms) if norms and max(norms) > 0 else None
