"""Load the library of a network from the cache, or compile it."""

from __future__ import annotations

import ctypes
import hashlib
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path

from spikelet.engines.native import cache, compiler
from spikelet.errors import EngineError
from spikelet.files.atomic import not_written, replacing
from spikelet.graph import Graph, once_per_graph
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.interface import library_source

GENERIC_BYTES = 0  # compiled for any processor of an architecture, a library does not add products of bytes
_loaded: dict[str, tuple[ctypes.CDLL, int]] = {}  # and the `product_bytes` of its program


@dataclass(frozen=True)
class Prepared:
    """Result of `prepare_graph`.

    Attributes:
        library: The loaded library.
        path: Path of the library; None if it could not be stored.
        compiled: Whether it was compiled by this call.
        product_bytes: Of the program that was compiled, see `LayerForms`.
    """

    library: ctypes.CDLL
    path: Path | None
    compiled: bool
    product_bytes: int


@once_per_graph
def _source(graph: Graph, product_bytes: int, timed: bool = False) -> str:
    """Return the C of the library of a network, which is also what the cache is searched for."""
    return library_source(HostProgram(graph, product_bytes=product_bytes, timed=timed))


def prepare_graph(graph: Graph, timed: bool = False) -> Prepared:
    """Return the loaded library of a network.

    Args:
        graph: An exact network.
        timed: Whether the library measures the time of each node.

    Raises:
        CompilerMissing: The library is not in the cache, and no compiler is installed.
        EngineError: The compiler fails, or the library cannot be loaded.
    """
    product_bytes = compiler.product_bytes()
    source = _source(graph, product_bytes, timed)
    key = _key(source)
    if key in _loaded:
        loaded, product_bytes = _loaded[key]
        return Prepared(loaded, cache.find(key), False, product_bytes)
    names = {key: product_bytes}
    if not timed and not _has_compiler():  # a library compiled elsewhere is used
        names[generic_key(graph, platform.machine())] = GENERIC_BYTES
    for name, bytes_of_name in names.items():
        path = cache.find(name)
        if path is not None and (library := _load(path)) is not None:
            _loaded[key] = library, bytes_of_name
            return Prepared(library, path, False, bytes_of_name)
    data = compiled(source)
    path = cache.keep(key, data)
    # some loaders refuse a stored file, since its digest follows the end of the library
    library = (_load(path) if path is not None else None) or _load_once(data)
    if library is None:
        raise EngineError(
            "engine native: the compiled library cannot be loaded on this machine; check that CC compiles for it"
        )
    _loaded[key] = library, product_bytes
    return Prepared(library, path, True, product_bytes)


def cross_compile(graph: Graph, target: str, folder: Path) -> Path:
    """Compile for another machine. The engine finds the library there if SPIKELET_CACHE names `folder`.

    Raises:
        CompilerMissing: `target`-gcc is not installed.
        EngineError: The compiler fails.
        SpikeletError: The folder is not writable.
    """
    data = compiled(_source(graph, GENERIC_BYTES), target)
    path = folder / "native" / f"{generic_key(graph, target.partition('-')[0])}.so"
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(cache.with_digest(data))
    return path


def compiled(source: str, target: str | None = None) -> bytes:
    """Compile a source and return the bytes of the library.

    Raises:
        CompilerMissing: No compiler is installed.
        EngineError: The compiler fails, or its files cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="spikelet-") as folder:
            text, library = Path(folder, "model.c"), Path(folder, "model.so")
            text.write_text(source, "utf-8")
            compiler.compile_library(text, library, target)
            return library.read_bytes()
    except OSError as error:
        raise EngineError(f"engine native: {not_written(Path(tempfile.gettempdir()), error)}") from error


def generic_key(graph: Graph, machine: str) -> str:
    """Return the cache key of a library for any processor of an architecture, such as aarch64."""
    return f"{machine}-{hashlib.sha256(_source(graph, GENERIC_BYTES).encode()).hexdigest()}"


def ready(graph: Graph) -> bool:
    """Return whether the network can run: it is exact, and compiled already or a compiler is installed."""
    if not graph.exact:
        return False
    if _has_compiler():
        return True
    keys = (_key(_source(graph, compiler.product_bytes())), generic_key(graph, platform.machine()))
    return any(map(cache.find, keys))


def _has_compiler() -> bool:
    try:
        compiler.find()
    except compiler.CompilerMissing:
        return False
    return True


def _key(source: str) -> str:
    text = "\n".join([source, *compiler.flags(), compiler.processor()])
    return hashlib.sha256(text.encode()).hexdigest()


def _load(path: Path) -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(str(path))
        _declare(library)
    except (OSError, AttributeError):
        return None
    return library


def _declare(library: ctypes.CDLL) -> None:
    """Set the types of the functions of a library.

    Raises:
        AttributeError: A function is missing.
    """
    library.spikelet_state_bytes.restype = library.spikelet_work_bytes.restype = ctypes.c_size_t
    pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    library.spikelet_reset.argtypes = [pointer, pointer, size, number]
    library.spikelet_step.argtypes = [pointer, pointer, pointer, size, number, pointer, pointer, number, *[pointer] * 4]
    library.spikelet_spikes.argtypes = [pointer, number, pointer, number, pointer]
    for function in (library.spikelet_reset, library.spikelet_step, library.spikelet_spikes):
        function.restype = None
    if hasattr(library, "spikelet_node_times"):
        library.spikelet_node_times.argtypes, library.spikelet_node_times.restype = [], ctypes.POINTER(ctypes.c_uint64)
    if hasattr(library, "spikelet_start_workers"):
        library.spikelet_start_workers.argtypes, library.spikelet_start_workers.restype = [number, number], pointer
        library.spikelet_stop_workers.argtypes, library.spikelet_stop_workers.restype = [pointer], None


def _load_once(data: bytes) -> ctypes.CDLL | None:
    """Load the library from a temporary file, which is removed after loading, except on Windows."""
    with tempfile.TemporaryDirectory(prefix="spikelet-", ignore_cleanup_errors=True) as folder:
        path = Path(folder, "model.so")
        path.write_bytes(data)
        return _load(path)
