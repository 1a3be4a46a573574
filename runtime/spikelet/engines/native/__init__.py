"""The native engine: event-driven C, generated from the graph and compiled on this machine."""

from spikelet.engines.native.cache import state as cache_state
from spikelet.engines.native.compiler import CompilerMissing, product_bytes
from spikelet.engines.native.compiler import find as compiler_command
from spikelet.engines.native.engine import NativeEngine
from spikelet.engines.native.library import cross_compile, prepare_graph, ready

__all__ = [
    "CompilerMissing",
    "NativeEngine",
    "cache_state",
    "compiler_command",
    "cross_compile",
    "prepare_graph",
    "product_bytes",
    "ready",
]
