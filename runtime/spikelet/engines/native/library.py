"""From a network to a library that is loaded: out of the cache, or compiled now."""

from __future__ import annotations

import ctypes
import hashlib
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path

from spikelet.atomic import replacing
from spikelet.engines.native import cache, compiler
from spikelet.errors import EngineError
from spikelet.graph import Graph
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.interface import library_source

_loaded: dict[str, ctypes.CDLL] = {}


@dataclass(frozen=True)
class Prepared:
    """What `prepare` did. path: of the library, None if it could not be kept. compiled: now, rather than before."""

    library: ctypes.CDLL
    path: Path | None
    compiled: bool


def prepare(program: HostProgram) -> Prepared:
    """The loaded library of a network.

    Raises:
        CompilerMissing: it was not compiled before, and there is no compiler. EngineError: the compiler fails.
    """
    source = library_source(program)
    key = _key(source)
    if key in _loaded:
        return Prepared(_loaded[key], cache.find(key), False)
    # code for exactly this processor is the fastest; what was compiled elsewhere serves where nothing compiles
    elsewhere = [] if _has_compiler() else [generic_key(source, platform.machine())]
    for name in (key, *elsewhere):
        path = cache.find(name)
        if path is not None and (library := _load(path)) is not None:
            _loaded[key] = library
            return Prepared(library, path, False)
    data = compiled(source)
    path = cache.keep(key, data)
    library = _load(path) if path is not None else _load_once(data)
    if library is None:
        raise EngineError("engine native: what the compiler made cannot be loaded on this machine; is $CC for another?")
    _loaded[key] = library
    return Prepared(library, path, True)


def prepare_graph(graph: Graph) -> Prepared:
    """`prepare` for a network that was not lowered yet. Raises EngineError, as that does."""
    return prepare(HostProgram(graph))


def cross_compile(graph: Graph, target: str, folder: Path) -> Path:
    """Compile for another machine; with SPIKELET_CACHE set to `folder`, the engine finds it there.

    Raises:
        CompilerMissing: there is no `target`-gcc. EngineError: it fails. SpikeletError: the folder cannot be written.
    """
    source = library_source(HostProgram(graph))
    data = compiled(source, target)
    path = folder / "native" / f"{generic_key(source, target.partition('-')[0])}.so"
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(cache.sealed(data))
    return path


def compiled(source: str, target: str | None = None) -> bytes:
    """The bytes of the library of a source."""
    with tempfile.TemporaryDirectory(prefix="spikelet-") as folder:
        text, library = Path(folder, "model.c"), Path(folder, "model.so")
        text.write_text(source, "utf-8")
        compiler.compile_library(text, library, target)
        return library.read_bytes()


def generic_key(source: str, machine: str) -> str:
    """The cache key of a library for any processor of a kind, such as aarch64: made elsewhere, for a board."""
    return f"{machine}-{hashlib.sha256(source.encode()).hexdigest()}"


def ready(graph: Graph) -> bool:
    """Whether the network can run: it is exact, and compiled before or there is a compiler."""
    if not graph.exact:
        return False
    if _has_compiler():
        return True
    source = library_source(HostProgram(graph))
    return any(cache.find(key) for key in (_key(source), generic_key(source, platform.machine())))


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
        library.spikelet_state_bytes.restype = library.spikelet_work_bytes.restype = ctypes.c_size_t
    except (OSError, AttributeError):
        return None
    pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    library.spikelet_reset.argtypes = [pointer, pointer, size, number]
    library.spikelet_step.argtypes = [pointer, pointer, size, number, pointer, pointer, number, *[pointer] * 3]
    library.spikelet_spikes.argtypes = [pointer, number, pointer]
    for function in (library.spikelet_reset, library.spikelet_step, library.spikelet_spikes):
        function.restype = None
    return library


def _load_once(data: bytes) -> ctypes.CDLL | None:
    """Without a cache: the file may go as soon as it is loaded."""
    with tempfile.TemporaryDirectory(prefix="spikelet-") as folder:
        path = Path(folder, "model.so")
        path.write_bytes(data)
        return _load(path)
