"""Run converted spiking networks. The only dependency is NumPy.

The names load on first use, so that `import spikelet` takes little time.

Examples:
    >>> import spikelet
    >>> model = spikelet.load("vgg9-cifar10.snnb")      # doctest: +SKIP
    >>> result = model.run(images, steps=8)             # doctest: +SKIP
    >>> result.predictions[-1]                          # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

from spikelet.version import __version__

if TYPE_CHECKING:
    from spikelet.errors import SpikeletError
    from spikelet.limits import Limits
    from spikelet.session import Model, Result, Step, load
    from spikelet.session.early_exit import Confidence, Margin

__all__ = ["Confidence", "Limits", "Margin", "Model", "Result", "SpikeletError", "Step", "__version__", "load"]

_MODULES = {
    "Confidence": "session.early_exit",
    "Limits": "limits",
    "Margin": "session.early_exit",
    "Model": "session",
    "Result": "session",
    "SpikeletError": "errors",
    "Step": "session",
    "load": "session",
}


def __getattr__(name: str) -> object:
    """Load the module of a public name."""
    if name not in _MODULES:
        raise AttributeError(f"module 'spikelet' has no attribute {name!r}")
    value: object = getattr(import_module(f"spikelet.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the names of the module, with those that are not loaded yet."""
    return sorted({*globals(), *__all__})
