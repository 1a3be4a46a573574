"""Reduce the colours of a screenshot, which keeps its file small."""

import numpy as np
from PIL import Image

COLOURS = 128  # the most frequent ones, and as many that cover all hues


def reduced(picture: Image.Image) -> Image.Image:
    """Return a picture with a palette. Surfaces keep their colours, and thin curves their hues."""
    pixels = np.asarray(picture)
    colours, index, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    frequent = colours[np.argsort(-counts)[:COLOURS]]
    covering = np.array(picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).getpalette()).reshape(-1, 3)
    palette = np.concatenate([frequent, covering[:COLOURS]]).astype(np.float32)
    nearest = [np.square(palette - colour).sum(axis=1).argmin() for colour in colours]
    result = Image.fromarray(np.array(nearest, np.uint8)[index].reshape(pixels.shape[:2]), "P")
    result.putpalette(palette.astype(np.uint8).tobytes())
    return result
