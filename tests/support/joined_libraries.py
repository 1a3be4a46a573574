"""Libraries of the native engine for many networks, compiled together."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from types import SimpleNamespace

from joined_c import joined
from spikelet.engines.native import cache, compiler, library
from spikelet.graph import Graph


def compile_together(graphs: Iterable[Graph]) -> None:
    """Compile the networks whose libraries are missing by one run of the compiler, with the flags of the native engine.

    In the long form (SPIKELET_CONFORMANCE) nothing is done: each engine compiles its network by itself, as those of users do.

    Engines that are created later in this process, with the same flags, use the result. Of the code of small networks
    most is the same, and is compiled once; see `joined_c`.
    """
    if "SPIKELET_CONFORMANCE" in os.environ:
        return
    product_bytes = compiler.product_bytes()
    sources = {library._key(source): source for source in (library._source(graph, product_bytes) for graph in graphs)}
    missing = {key: source for key, source in sources.items() if key not in library._loaded and not cache.find(key)}
    if not missing:
        return
    command = [*compiler.find(), *compiler.flags()]
    text, names = joined(list(missing.values()), command)
    key = library._key(text)
    path = cache.find(key) or cache.keep(key, library.compiled(text))
    whole = ctypes.CDLL(str(path))
    for key, of in zip(missing, names, strict=True):
        functions = {name: whole[of[name]] for name in of if name.startswith("spikelet_")}
        library._declare(part := SimpleNamespace(**functions))
        library._loaded[key] = part, product_bytes
