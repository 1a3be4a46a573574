"""Import networks from torch, torch.export, ONNX, NIR and other frameworks; every importer returns a `Source`."""

from spikelet_converters.frontends.source import Preprocessing, Source

__all__ = ["Preprocessing", "Source"]
