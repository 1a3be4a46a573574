"""The source network and the images of a conversion, opened with the options of the command line."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from spikelet import shipped
from spikelet.choices import Split
from spikelet.cli.data import data_options
from spikelet.errors import DataError, UsageError
from spikelet.shipped import find_data

if TYPE_CHECKING:
    from spikelet.data import ImageSet
    from spikelet.nodes import Shape
    from spikelet_converters.frontends.source import Source


def source_network(args: argparse.Namespace, span: tuple[float, float] | None) -> Source:
    """Open the source network with the options of the command line. span: stated range of measured values, or None."""
    from spikelet_converters.frontends.open import open_source

    mean, std = _normalisation(args, span)
    source = open_source(
        args.source,
        shape=_shape(args.input),
        weights=args.weights,
        weights_key=args.weights_key,
        mean=mean,
        std=std,
        raw_pixels=args.raw_pixels,
        max_pools=args.max_pool,
        output=args.output_name,
        dt=args.dt,
    )
    if args.float32 and source.graph.exact:
        raise UsageError(f"{args.source}: is a network of integers, which is exact; omit --float32")
    return source


def _normalisation(
    args: argparse.Namespace, span: tuple[float, float] | None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and std of the source, of pixels / 255, or of (value - low) / (high - low) with a range."""
    mean, std = tuple(args.mean), tuple(args.std)
    if span is None:
        return mean, std
    if args.raw_pixels:
        raise UsageError("--raw-pixels is for pixels 0…255 and --range for measured values; give one of the two")
    low, width = span[0], span[1] - span[0]
    return tuple((value - low) / width for value in mean), tuple(value / width for value in std)


def calibration_images(
    args: argparse.Namespace, shape: Shape, labels: tuple[str, ...] | None, classes: int
) -> ImageSet:
    """Return the calibration images, without labels if their classes are not those of the network."""
    from spikelet.data import ImageSet

    images = find_data(args.calibration, shape, None, args.calibration_count, "train", options=data_options(args))
    try:
        return images.with_classes(labels, classes)
    except DataError as error:
        if not args.json:
            print(f"note: calibration images are used without labels: {error}")
        return ImageSet(images.images, None, None, images.name)


def images_to_measure(
    args: argparse.Namespace,
    shape: Shape,
    labels: tuple[str, ...] | None,
    classes: int,
    provenance: Mapping[str, object],
    *,
    shipped_images: bool,
) -> list[ImageSet]:
    """Return the images to measure on: the shipped images, if they fit, and --data, read as the provenance states."""
    data = []
    if args.data is not None:
        split: Split = args.split or "auto"
        data = [find_data(args.data, shape, labels, args.count, split, classes, data_options(args, provenance))]
    if args.data_name:
        data = [images.renamed(args.data_name) for images in data]
    own = shipped.images_for(shape, labels, classes) if shipped_images else None
    if own is not None:
        data.insert(0, own)
    return data


def _shape(text: str | None) -> Shape | None:
    if text is None:
        return None
    sizes = text.lower().split("x")
    if len(sizes) not in (1, 2, 3) or not all(size.isdecimal() and int(size) > 0 for size in sizes):
        raise UsageError(f"--input: expected CxHxW, as 3x32x32, CxL or F, found {text!r}")
    return tuple(int(size) for size in sizes)
