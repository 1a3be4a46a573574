"""Select the importer of a source network by its name."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from spikelet.errors import ConversionError, Translating, UsageError
from spikelet.files.substitute import refuse_substitute
from spikelet.nodes import Shape
from spikelet_converters.frontends.source import Preprocessing, Source
from spikelet_converters.frontends.values import PoolForm
from spikelet_converters.maxima import maxima

KINDS = {".onnx": "onnx", ".pt2": "exported", ".nir": "nir", **dict.fromkeys((".pt", ".pth", ".ckpt"), "checkpoint")}

_KERAS = "export it as ONNX with keras (model.export('model.onnx', format='onnx')) or tf2onnx"
EXPORTS = {
    ".keras": _KERAS, ".h5": _KERAS, ".hdf5": _KERAS,
    **dict.fromkeys((".tflite", ".pb"), "export it as ONNX with tf2onnx"),
    ".pdmodel": "export it as ONNX with paddle2onnx",
    **dict.fromkeys((".pkl", ".joblib"), "export it as ONNX with skl2onnx.to_onnx, or its weights with torch.save"),
    **dict.fromkeys((".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar"), "unpack it first"),
    ".safetensors": "it holds weights only: name the network as model.py:NAME, with --weights weights.safetensors",
}  # fmt: skip
"""How files of other programs become files that are read, by their suffix."""


def kind_of(source: str) -> str:
    """Return the kind of a source: checkpoint, onnx, exported, module or nir.

    Raises:
        UsageError: The file does not exist or has an unknown suffix.
    """
    file, _, name = source.rpartition(":")
    if file.endswith(".py") and name:
        if not Path(file).exists():
            raise UsageError(f"{file}: no such file")
        return "module"
    path = Path(source)
    if not path.exists():
        raise UsageError(f"{source}: no such file")
    if path.is_dir():
        raise UsageError(f"{source}: is a folder; expected a file: {', '.join(KINDS)}, or model.py:NAME")
    suffix = path.suffix.lower()
    if suffix not in KINDS:
        if suffix in EXPORTS:
            raise UsageError(f"{source}: unknown file type; {EXPORTS[suffix]}")
        expected = f"a torch module is named {source}:NAME" if suffix == ".py" else f"expected {', '.join(KINDS)}"
        raise UsageError(f"{source}: unknown file type; {expected}, or model.py:NAME")
    return KINDS[suffix]


def open_source(
    source: str | Path,
    *,
    shape: Shape | None = None,
    weights: Path | None = None,
    weights_key: str | None = None,
    mean: tuple[float, ...] = (0.0,),
    std: tuple[float, ...] = (1.0,),
    raw_pixels: bool = False,
    max_pools: PoolForm = "or",
    output: str | None = None,
    dt: float | None = None,
) -> Source:
    """Import a source network.

    Args:
        source: Path of a file, or model.py:NAME for a torch module.
        shape: Shape of one input, if the source does not contain it.
        weights: File with the weights of a module.
        weights_key: Name of the weights in the file, if several sets fit.
        mean: Mean per channel, of pixels scaled to 0…1, or of 0…255 with raw_pixels.
        std: Standard deviation per channel, in the same units.
        raw_pixels: Whether the source takes pixels 0…255.
        max_pools: Form of max pools: "or" (neurons that fire if one of their inputs fires), "pairs" or "average".
        output: Output to convert, for a network with several: its name in an ONNX or NIR file, else its
            index or key.
        dt: Length of a time-step in seconds, for NIR.

    Raises:
        UsageError: A module without a shape, an unknown file type, or an output of another name.
        ConversionError: The network cannot be imported.
    """
    source = str(source)
    options = {"shape": shape, "weights": weights, "weights_key": weights_key, "mean": mean, "std": std}
    opening = partial(_opened, source, **options, raw_pixels=raw_pixels, output=output, dt=dt)  # type: ignore[arg-type]
    with Translating(source, ConversionError):  # errors of a library that decodes a damaged file
        opened = opening(max_pools=max_pools)
    if not maxima(opened.graph):
        return opened
    others: tuple[PoolForm, ...] = ("pairs", "average")
    return replace(opened, other_pools={form: partial(opening, max_pools=form) for form in others})


def _opened(
    source: str, *, shape: Shape | None, weights: Path | None, weights_key: str | None, mean: tuple[float, ...],
    std: tuple[float, ...], raw_pixels: bool, max_pools: PoolForm, output: str | None, dt: float | None,
) -> Source:  # fmt: skip
    preprocessing = Preprocessing(mean, std, 1.0 if raw_pixels else 255.0)
    path, kind = Path(source), kind_of(source)
    refuse_substitute(path, ConversionError, "ZIP" if kind in ("exported", "checkpoint") else None)
    if output is not None and kind == "checkpoint":
        raise UsageError(f"{source}: --output-name names one of several outputs of a network; omit it")
    if kind == "onnx":
        from spikelet_converters.frontends import onnx

        return onnx.read(path, preprocessing, shape=shape, max_pools=max_pools, output=output)
    if kind == "exported":
        from spikelet_converters.frontends import torch

        return torch.from_exported(path, preprocessing, max_pools=max_pools, output=output)
    if kind == "module":
        from spikelet_converters.frontends import torch

        if shape is None:
            raise UsageError(f"{source}: a module does not contain the shape of its input; give it with --input CxHxW")
        network = torch.load_module(source, weights, weights_key)
        return torch.from_module(network, shape, preprocessing, max_pools=max_pools, output=output)
    from spikelet_converters.frontends.nir import read as read_nir

    # inputs of NIR networks are not normalised by default
    normalises = mean != (0.0,) or std != (1.0,)
    return read_nir(path, dt=dt, preprocessing=preprocessing if normalises else None, output=output)
