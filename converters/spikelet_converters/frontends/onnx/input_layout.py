"""The arrangement of a model's input: which axis of an image (C, H, W) each of its axes is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError
from spikelet.nodes import Shape
from spikelet_converters.frontends.onnx.model import sizes_of

if TYPE_CHECKING:
    import onnx

_ELEMENTWISE = (
    *("Cast", "Add", "Sub", "Mul", "Div", "Identity", "QuantizeLinear", "DequantizeLinear"),
    *("Relu", "Pad", "BatchNormalization"),
)
"""Operators before the first layer that keep the axes."""


@dataclass(frozen=True)
class Layout:
    """The arrangement of a model's input.

    Attributes:
        sizes: Shape of one input of the model.
        axes: Axis of the images, (C, H, W), at each axis of the model's input.
        image: Shape of one input of the graph, (C, H, W) or (F,).
    """

    sizes: Shape
    axes: tuple[int, ...]
    image: Shape

    def arrange(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return inputs (N, *image) as inputs of the model, (N, *sizes)."""
        if inputs.ndim == 4 and len(self.axes) > 1:
            missing = [axis for axis in range(3) if axis not in self.axes]
            inputs = inputs.transpose(0, *(axis + 1 for axis in (*self.axes, *missing)))
        arranged: npt.NDArray[np.float32] = np.ascontiguousarray(inputs.reshape(len(inputs), *self.sizes))
        return arranged


def layout_of(path: Path, graph: onnx.GraphProto, entry: onnx.ValueInfoProto, shape: Shape | None) -> Layout:
    """Return the arrangement of an input.

    Args:
        path: The file, for messages.
        graph: The model.
        entry: Its input.
        shape: Shape of one input that the user gives, (C, H, W) or as in the file; None for that of the file.

    Raises:
        ConversionError: The shape is not that of the file, or the file has none and the user gives none.
    """
    sizes = _input_sizes(path, entry.name, sizes_of(entry), shape)
    axes = _image_axes(sizes, *_first_layer(graph, entry.name, len(sizes)))
    image = _image_shape(sizes, axes)
    if shape is not None and shape not in (image, sizes) and len(sizes) == 1:
        image = shape if int(np.prod(shape)) == sizes[0] else image
    if shape is not None and shape not in (image, sizes):
        raise ConversionError(
            f"{path}: expected the file's input shape {_shape_text(image)}, found --input {_shape_text(shape)}"
        )
    return Layout(sizes, axes, image)


def _input_sizes(path: Path, name: str, declared: tuple[int, ...], shape: Shape | None) -> Shape:
    """Return the shape of one input.

    Args:
        path: The file.
        name: Name of the input.
        declared: Sizes in the file, with the batch; 0 for one that it leaves open.
        shape: The shape that the user states, or None.

    Raises:
        ConversionError: The shape is open and not stated, or is not that of images, lines or features.
    """
    sizes = declared[1:]
    if len(declared) == 1:
        raise ConversionError(
            f"{path}: its input {name} has one axis, {declared[0] or 'N'}, and none for the features of a sample; "
            "expected (N, F): export the network with an input of shape (1, F)"
        )
    if sizes and 0 not in sizes:
        if len(sizes) > 3:
            raise ConversionError(f"{path}: its input {name} has shape (N, {', '.join(map(str, sizes))}); expected "
                                  "images (N, C, H, W) or vectors (N, F)")  # fmt: skip
        return sizes
    if shape is None:
        raise ConversionError(f"{path}: its input {name} has no fixed shape; give one with --input CxHxW")
    if sizes and len(sizes) == len(shape):
        last = len(sizes) == 3 and sizes[2] == shape[0] != sizes[0] != 0 and 0 in sizes[:2]
        input_shape = (shape[1], shape[2], shape[0]) if last else shape
        if any(a not in (0, b) for a, b in zip(sizes, input_shape, strict=True)):
            raise ConversionError(
                f"{path}: expected an input of shape {_shape_text(sizes)} (0 is open), "
                f"found --input {_shape_text(shape)}"
            )
        return input_shape
    return shape


def _first_layer(graph: onnx.GraphProto, name: str, rank: int) -> tuple[list[int | None], int]:
    """Return how the first layer takes the input.

    Args:
        graph: The network.
        name: Name of the input.
        rank: Number of axes of one input.

    Returns:
        The axis of one input at each axis of one value that the layer takes, None for one that the network adds, and
        the number of axes of the layer's windows, 0 if it has none.
    """
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    names, axes = {name}, list[int | None](range(rank))
    for node in graph.node:
        if names.isdisjoint(node.input):
            stored = next((attribute.t for attribute in node.attribute if attribute.name == "value"), None)
            tensor = tensors.get(node.input[0]) if node.input else stored
            tensors.update({} if tensor is None else dict.fromkeys(node.output, tensor))  # Constant, Identity, Cast
            continue
        attributes = {attribute.name: list(attribute.ints) for attribute in node.attribute}
        if node.op_type in _ELEMENTWISE:
            names.update(node.output)
        elif node.op_type == "Transpose" and sorted(attributes.get("perm", [])) == list(range(len(axes) + 1)):
            axes = [axes[axis - 1] for axis in attributes["perm"] if axis]
            names = set(node.output)
        elif node.op_type == "Unsqueeze":
            stated = tensors.get(node.input[1]) if len(node.input) > 1 else None
            added = attributes.get("axes", []) if stated is None else numpy_helper.to_array(stated).ravel().tolist()
            total = len(axes) + 1 + len(added)
            for axis in sorted(int(axis) % total for axis in added):
                axes.insert(axis - 1, None)
            names = set(node.output)
        elif node.op_type in ("Conv", "ConvTranspose"):
            weight = tensors.get(node.input[1])
            return axes, len(attributes.get("kernel_shape", [])) or (0 if weight is None else len(weight.dims) - 2)
        else:
            return axes, len(attributes.get("kernel_shape", []))
    return axes, 0


def _image_axes(sizes: Shape, axes: list[int | None], pixels: int) -> tuple[int, ...]:
    """Return axis of (C, H, W) at each axis of the model's input.

    Args:
        sizes: Shape of one input.
        axes: How the first layer takes it, see `first_layer`.
        pixels: Number of axes of the layer's windows.

    Channels are last if the first layer takes them first after a permutation, or if the last axis has a size of 1, 3
    or 4. An input of two axes is a line (C, L) if the first layer takes one of them as channels, else an image (H, W).
    """
    if len(sizes) == 3:
        last = axes[:1] == [2] or (sizes[2] in (1, 3, 4) and sizes[0] not in (1, 2, 3, 4))
        return (1, 2, 0) if last else (0, 1, 2)
    if len(sizes) == 2:
        line = axes[0] is not None and (pixels == 1 or None in axes)
        return (1, 2) if not line else (0, 2) if axes[0] == 0 else (2, 0)
    return (0,)


def _image_shape(sizes: Shape, axes: tuple[int, ...]) -> Shape:
    """Return the shape (C, H, W) of one input as an image, or (F,) of features."""
    if len(sizes) == 1:
        return sizes
    shape = [1, 1, 1]
    for size, axis in zip(sizes, axes, strict=True):
        shape[axis] = size
    return tuple(shape)


def _shape_text(shape: Shape) -> str:
    """Return a shape as --input takes it."""
    return "x".join(map(str, shape))
