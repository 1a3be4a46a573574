"""Which reader a source asks for, told by its name."""

from __future__ import annotations

from pathlib import Path

from spikelet.errors import UsageError
from spikelet.nodes import Shape
from spikelet_converters.frontends.source import Preprocessing, Source

KINDS = {".onnx": "onnx", ".pt2": "exported", ".nir": "nir", ".pt": "checkpoint", ".pth": "checkpoint"}


def kind_of(source: str) -> str:
    """checkpoint, onnx, exported, module or nir.

    Raises:
        UsageError: no such file, or one of no known kind.
    """
    file, _, name = source.rpartition(":")
    if file.endswith(".py") and name:
        return "module"
    path = Path(source)
    if not path.exists():
        raise UsageError(f"{source}: no such file")
    if path.suffix not in KINDS:
        what = f"a torch module is named {source}:NAME" if path.suffix == ".py" else f"expected {', '.join(KINDS)}"
        raise UsageError(f"{source}: a file of no known kind; {what}, or model.py:NAME")
    return KINDS[path.suffix]


def open_source(
    source: str,
    *,
    shape: Shape | None = None,
    weights: Path | None = None,
    mean: tuple[float, ...] = (0.0,),
    std: tuple[float, ...] = (1.0,),
    raw_pixels: bool = False,
    average_pools: bool = False,
    dt: float | None = None,
) -> Source:
    """Read a source network.

    shape: of one input, where the source does not say. weights: a state dict for a module.
    mean, std: by channel, of pixels scaled to 0…1, or of pixels where raw_pixels. dt: seconds of a NIR time-step.

    Raises:
        UsageError: a module without a shape, or a file of no known kind. ConversionError: as the readers do.
    """
    preprocessing = Preprocessing(mean, std, 1.0 if raw_pixels else 255.0)
    path, kind = Path(source), kind_of(source)
    if kind == "onnx":
        from spikelet_converters.frontends import onnx

        return onnx.read(path, preprocessing, shape=shape, average_pools=average_pools)
    if kind == "exported":
        from spikelet_converters.frontends import torch

        return torch.from_exported(path, preprocessing)
    if kind == "module":
        from spikelet_converters.frontends import torch

        if shape is None:
            raise UsageError(f"{source}: a module does not say the shape of its input; give it with --input CxHxW")
        network = torch.load_module(source, weights)
        return torch.from_module(network, shape, preprocessing, average_pools=average_pools)
    from spikelet_converters.frontends.nir import read as read_nir

    # NIR networks take what they are given, unless a normalisation is asked for
    asked = mean != (0.0,) or std != (1.0,)
    return read_nir(path, dt=dt, preprocessing=preprocessing if asked else None)
