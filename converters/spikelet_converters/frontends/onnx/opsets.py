"""Versions of ONNX's own operators, and files of old versions in a later one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

LEAST = 7
"""First version whose operators ONNX Runtime executes, and are read: before, sums state how they broadcast."""


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of ONNX's own operators."""
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)


def upgraded(model: onnx.ModelProto, least: int) -> onnx.ModelProto:
    """Return a model whose operators have the version `least` or a later one.

    Raises:
        RuntimeError: An operator has no equivalent in this version.
    """
    from onnx import version_converter

    if opset_of(model) >= least:
        return model
    try:
        return version_converter.convert_version(model, least)
    except version_converter.ConvertError as error:
        raise RuntimeError(str(error)) from None
