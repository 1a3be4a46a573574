"""AutoAugment for batches of tensors, with the policy for CIFAR-10 (Cubuk et al., CVPR 2019, Table 7).

For every image one of 25 pairs of operations is drawn. Each operation has a probability and a magnitude level, 0…9.
Colour operations follow Pillow, with which the policy was searched. Geometric operations take the nearest pixel and
fill with mid-grey. All operations take uint8 images (N, C, H, W) and one value per image, (N,).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

FILL = 128

POLICY: tuple[tuple[tuple[str, float, int], tuple[str, float, int]], ...] = (
    (("invert", 0.1, 7), ("contrast", 0.2, 6)),
    (("rotate", 0.7, 2), ("translate_x", 0.3, 9)),
    (("sharpness", 0.8, 1), ("sharpness", 0.9, 3)),
    (("shear_y", 0.5, 8), ("translate_y", 0.7, 9)),
    (("autocontrast", 0.5, 8), ("equalize", 0.9, 2)),
    (("shear_y", 0.2, 7), ("posterize", 0.3, 7)),
    (("colour", 0.4, 3), ("brightness", 0.6, 7)),
    (("sharpness", 0.3, 9), ("brightness", 0.7, 9)),
    (("equalize", 0.6, 5), ("equalize", 0.5, 1)),
    (("contrast", 0.6, 7), ("sharpness", 0.6, 5)),
    (("colour", 0.7, 7), ("translate_x", 0.5, 8)),
    (("equalize", 0.3, 7), ("autocontrast", 0.4, 8)),
    (("translate_y", 0.4, 3), ("sharpness", 0.2, 6)),
    (("brightness", 0.9, 6), ("colour", 0.2, 8)),
    (("solarize", 0.5, 2), ("invert", 0.0, 3)),
    (("equalize", 0.2, 0), ("autocontrast", 0.6, 0)),
    (("equalize", 0.2, 8), ("equalize", 0.6, 4)),
    (("colour", 0.9, 9), ("equalize", 0.6, 6)),
    (("autocontrast", 0.8, 4), ("solarize", 0.2, 8)),
    (("brightness", 0.1, 3), ("colour", 0.7, 0)),
    (("solarize", 0.4, 5), ("autocontrast", 0.9, 3)),
    (("translate_y", 0.9, 9), ("translate_y", 0.7, 9)),
    (("autocontrast", 0.9, 2), ("solarize", 0.8, 3)),
    (("equalize", 0.8, 8), ("invert", 0.1, 3)),
    (("translate_y", 0.7, 9), ("autocontrast", 0.9, 1)),
)


def autoaugment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Apply a randomly drawn pair of operations to each image, (N, C, H, W) uint8."""
    images = images.clone()
    n = len(images)
    chosen = torch.randint(len(POLICY), (n,), generator=generator).tolist()
    chance = torch.rand((n, 2), generator=generator)
    sign = torch.where(torch.rand((n, 2), generator=generator) < 0.5, -1.0, 1.0)
    for slot in range(2):
        groups: dict[str, list[int]] = {}
        values = torch.zeros(n)
        for i, pair in enumerate(chosen):
            name, probability, level = POLICY[pair][slot]
            if chance[i, slot] < probability:
                groups.setdefault(name, []).append(i)
                values[i] = magnitude(name, level, float(sign[i, slot]), images.shape[-1])
        for name, rows in groups.items():
            images[rows] = OPERATIONS[name](images[rows], values[rows].to(images.device))
    return images


def magnitude(name: str, level: int, sign: float, width: int) -> float:
    """Convert the level 0…9 of an operation to its value, for images of `width` pixels."""
    share = level / 9
    if name.startswith("shear"):
        return sign * 0.3 * share
    if name.startswith("translate"):
        return float(int(sign * 150 / 331 * width * share))
    if name == "rotate":
        return sign * 30 * share
    if name in ("brightness", "colour", "contrast", "sharpness"):
        return 1 + sign * 0.9 * share
    if name == "posterize":
        return float(round(8 - 4 * share))
    return 255 * (1 - share)  # threshold of solarize; the remaining operations ignore the value


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply the pixels by the factor."""
    return _blend(images, torch.zeros_like(images), factor)


def colour(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the grey image: 0 is grey, 1 unchanged, above 1 more saturated."""
    return images if images.shape[1] != 3 else _blend(images, _grey(images).expand_as(images), factor)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the mean of the grey image: 0 is uniform, 1 unchanged, above 1 more contrast."""
    mean = (_grey(images).float().mean((1, 2, 3), keepdim=True) + 0.5).floor()
    return _blend(images, mean.expand(images.shape), factor)


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with a smoothed image: 0 is smooth, 1 unchanged, above 1 sharper. Border pixels are unchanged."""
    kernel = torch.ones(1, 1, 3, 3, device=images.device)
    kernel[..., 1, 1] = 5
    flat = images.float().flatten(0, 1)[:, None]
    smooth = images.float().clone()
    smooth[..., 1:-1, 1:-1] = (F.conv2d(flat, kernel / 13) + 0.5).floor().reshape(smooth[..., 1:-1, 1:-1].shape)
    return _blend(images, smooth, factor)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest `bits` bits of each pixel."""
    unit = torch.pow(2, 8 - bits).long()[:, None, None, None]
    return (images.long() // unit * unit).to(torch.uint8)


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert pixels at or above the threshold."""
    return torch.where(images < threshold[:, None, None, None], images, 255 - images)


def invert(images: Tensor, _: Tensor) -> Tensor:
    """Invert all pixels: 255 - x."""
    return 255 - images


def autocontrast(images: Tensor, _: Tensor) -> Tensor:
    """Stretch the range of each channel to 0…255."""
    low = images.amin((2, 3), keepdim=True).double()
    high = images.amax((2, 3), keepdim=True).double()
    scale = torch.where(high > low, 255 / (high - low).clamp(min=1), 1.0)
    offset = torch.where(high > low, -low * scale, 0.0)
    return (images * scale + offset).clamp(0, 255).to(torch.uint8)


def equalize(images: Tensor, _: Tensor) -> Tensor:
    """Equalise the histogram of each channel."""
    flat = images.flatten(0, 1).flatten(1).long()
    planes = len(flat)
    bins = flat + 256 * torch.arange(planes, device=images.device)[:, None]
    histogram = torch.bincount(bins.flatten(), minlength=256 * planes)
    histogram = histogram.reshape(planes, 256)
    brightest = histogram.gather(1, flat.amax(1, keepdim=True))
    step = (flat.shape[1] - brightest) // 255
    before = histogram.cumsum(1) - histogram
    table = ((before + step // 2) // step.clamp(min=1)).clamp(max=255)
    table = torch.where(step > 0, table, torch.arange(256, device=images.device))
    return table.gather(1, flat).to(torch.uint8).reshape(images.shape)


def shear_x(images: Tensor, amount: Tensor) -> Tensor:
    """Shift each row horizontally by amount·y."""
    return _affine(images, 1, amount, 0, 0, 1, 0)


def shear_y(images: Tensor, amount: Tensor) -> Tensor:
    """Shift each column vertically by amount·x."""
    return _affine(images, 1, 0, 0, amount, 1, 0)


def translate_x(images: Tensor, pixels: Tensor) -> Tensor:
    """Shift the image horizontally."""
    return _affine(images, 1, 0, -pixels, 0, 1, 0)


def translate_y(images: Tensor, pixels: Tensor) -> Tensor:
    """Shift the image vertically."""
    return _affine(images, 1, 0, 0, 0, 1, -pixels)


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Rotate the image counter-clockwise about its centre."""
    angle = -torch.deg2rad(degrees)
    cos, sin = torch.cos(angle), torch.sin(angle)
    cy, cx = images.shape[2] / 2, images.shape[3] / 2
    return _affine(images, cos, sin, cx - cos * cx - sin * cy, -sin, cos, cy + sin * cx - cos * cy)


def _grey(images: Tensor) -> Tensor:
    """Return ITU-R 601 luma in the integer arithmetic of Pillow, (N, 1, H, W)."""
    if images.shape[1] != 3:
        return images
    r, g, b = images.long().unbind(1)
    return ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16)[:, None].to(torch.uint8)


def _blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """Return `other + factor (images - other)`, clipped to 0…255."""
    factor = factor[:, None, None, None]
    return (other.float() + factor * (images.float() - other.float())).clamp(0, 255).to(torch.uint8)


Number = Tensor | float


def _affine(images: Tensor, a: Number, b: Number, c: Number, d: Number, e: Number, f: Number) -> Tensor:
    """Move the pixel at (a x + b y + c, d x + e y + f) to (x, y), with pixel centres at half integers."""
    n, channels, height, width = images.shape
    lines, columns = (torch.arange(size, device=images.device) + 0.5 for size in (height, width))
    y, x = torch.meshgrid(lines, columns, indexing="ij")

    def axis(*factors: Number) -> Tensor:
        p, q, r = (torch.as_tensor(factor, device=images.device).expand(n)[:, None, None] for factor in factors)
        return torch.floor(p * x + q * y + r).long()

    from_x, from_y = axis(a, b, c), axis(d, e, f)
    inside = (from_x >= 0) & (from_x < width) & (from_y >= 0) & (from_y < height)
    index = (from_y.clamp(0, height - 1) * width + from_x.clamp(0, width - 1)).flatten(1)
    moved = images.flatten(2).gather(2, index[:, None].expand(-1, channels, -1)).reshape(images.shape)
    return torch.where(inside[:, None], moved, FILL)


OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    operation.__name__: operation
    for operation in (
        brightness, colour, contrast, sharpness, posterize, solarize, invert, autocontrast, equalize,
        shear_x, shear_y, translate_x, translate_y, rotate,
    )
}  # fmt: skip
