"""Networks with copies of the open bundle, in temporary files, so that they are read like any other bundle."""

from __future__ import annotations

import atexit
import tempfile
from dataclasses import replace
from pathlib import Path

from spikelet.bundle import SUFFIX, Bundle, write
from spikelet.errors import SpikeletError
from spikelet_gui.models.session.document import Document, open_document

_folder: list[tempfile.TemporaryDirectory[str]] = []


def with_copies(bundle: Bundle, path: Path, copies: int) -> Document:
    """Return the network of a bundle with copies of its neurons, or the bundle itself if it has that many.

    The file of the network is deleted when the program ends.

    Args:
        bundle: The bundle.
        path: File of the bundle.
        copies: Number of copies k of each neuron.

    Raises:
        ConversionError: The network cannot have copies.
        SpikeletError: The file has been changed since.
    """
    graph = bundle.graph
    if copies == max(graph.neuron(name).copies for name in graph.spiking):
        document = open_document(path)
        if document.bundle.digest != bundle.digest:
            raise SpikeletError.at(str(path), "has been changed since its settings were measured; open it again")
        return document
    from spikelet_converters.conversion.copied_bundle import convert_copies

    if not _folder:
        _folder.append(tempfile.TemporaryDirectory(prefix="spikelet-"))
        atexit.register(_folder[0].cleanup)
    name = f"{path.stem}-x{copies}"
    derived = Path(_folder[0].name) / f"{name}{SUFFIX}"
    write(convert_copies(bundle, copies, name=name), derived)
    return replace(open_document(derived), origin=path)
