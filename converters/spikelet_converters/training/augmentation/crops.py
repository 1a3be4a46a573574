"""Augmentation of batches of uint8 images. Random draws are made on the CPU, so they do not depend on the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def crop_and_flip(images: Tensor, generator: torch.Generator, pad: int = 4, mirror: bool = True) -> Tensor:
    """Zero-pad the images, cut random windows of the original size and mirror half of them.

    Lines, images of one row, are moved along the row only. The draws of the windows do not depend on whether images are
    mirrored.

    Args:
        images: (N, C, H, W), any dtype.
        generator: Source of the random draws, on the CPU.
        pad: Width of the padding, in pixels; 0 shifts no image.
        mirror: Mirror half of the images.

    Returns:
        Images of the same shape and dtype.
    """
    n, _, height, width = images.shape
    rows_padded = pad if height > 1 else 0
    padded = torch.nn.functional.pad(images, (pad, pad, rows_padded, rows_padded))
    top = torch.randint(0, 2 * rows_padded + 1, (n, 1), generator=generator)
    left = torch.randint(0, 2 * pad + 1, (n, 1), generator=generator)
    flip = (torch.rand((n, 1), generator=generator) < 0.5) & mirror
    rows = top + torch.arange(height)
    columns = torch.arange(width).expand(n, -1)
    columns = left + torch.where(flip, width - 1 - columns, columns)
    index = torch.arange(n)[:, None, None]
    n_index, y_index, x_index = (i.to(images.device) for i in (index, rows[:, :, None], columns[:, None, :]))
    # Advanced indexing moves the channel axis to the end: (N, H, W, C).
    return padded[n_index, :, y_index, x_index].permute(0, 3, 1, 2)


def cutout(images: Tensor, generator: torch.Generator, size: int, fill: Sequence[int]) -> Tensor:
    """Fill one random square of each image (DeVries & Taylor, 2017). The square can extend beyond the border.

    Args:
        images: (N, C, H, W).
        generator: Source of the random draws, on the CPU.
        size: Width of the square, in pixels.
        fill: Fill value per channel, (C,).
    """
    n, _, height, width = images.shape
    y = torch.randint(height, (n, 1, 1), generator=generator)
    x = torch.randint(width, (n, 1, 1), generator=generator)
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    half = size // 2
    hole = (rows >= y - half) & (rows < y + half) & (columns >= x - half) & (columns < x + half)
    colour = torch.tensor(list(fill), dtype=images.dtype, device=images.device)[:, None, None]
    return torch.where(hole[:, None].to(images.device), colour, images)
