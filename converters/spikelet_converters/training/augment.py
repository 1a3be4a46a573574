"""Augmentation of whole batches of uint8 images, by a generator that makes it repeatable: the same on every device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def crop_and_flip(images: Tensor, generator: torch.Generator, pad: int = 4) -> Tensor:
    """Zero-pad by `pad`, cut a random window of the old size, mirror half of the images.

    images: (N, C, H, W), any dtype; returns the same shape and dtype.
    """
    n, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (pad, pad, pad, pad))
    top = torch.randint(0, 2 * pad + 1, (n, 1), generator=generator)
    left = torch.randint(0, 2 * pad + 1, (n, 1), generator=generator)
    flip = torch.rand((n, 1), generator=generator) < 0.5
    rows = top + torch.arange(height)
    columns = torch.arange(width).expand(n, -1)
    columns = left + torch.where(flip, width - 1 - columns, columns)
    index = torch.arange(n)[:, None, None]
    where = [each.to(images.device) for each in (index, rows[:, :, None], columns[:, None, :])]
    # advanced indexing puts the channel last: (N, H, W, C)
    return padded[where[0], :, where[1], where[2]].permute(0, 3, 1, 2)


def cutout(images: Tensor, generator: torch.Generator, size: int, fill: Sequence[int]) -> Tensor:
    """Paint over one square of each image (DeVries & Taylor, 2017); its centre is anywhere, so it may be cut off.

    images: (N, C, H, W). size: of the square, in pixels. fill: one value a channel, the mean of the input.
    """
    n, _, height, width = images.shape
    y = torch.randint(height, (n, 1, 1), generator=generator)
    x = torch.randint(width, (n, 1, 1), generator=generator)
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    half = size // 2
    hole = (rows >= y - half) & (rows < y + half) & (columns >= x - half) & (columns < x + half)
    colour = torch.tensor(list(fill), dtype=images.dtype, device=images.device)[:, None, None]
    return torch.where(hole[:, None].to(images.device), colour, images)
