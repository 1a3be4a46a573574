"""Run converted spiking networks. The only dependency is NumPy.

The names load on first use, so that `import spikelet` takes little time. These packages are imported by their names:

    spikelet.data                      read images, sound and events
    spikelet.bundle                    read and write bundles
    spikelet.engines                   list and compare engines, run a network one time-step at a time
    spikelet.verify                    replay the golden inputs of a bundle on an engine
    spikelet.metrics                   count operations, estimate energy
    spikelet.deploy.firmware           export C
    spikelet_converters.frontends      import networks from torch, ONNX, NIR and other frameworks
    spikelet_converters.conversion     convert them to bundles, give bundles copies of their neurons
    spikelet_converters.planning       choose copies, time-steps and early exit for a budget
    spikelet_converters.exports        export NIR and ONNX
    spikelet_converters.training       train source networks
    spikelet_converters.brian2         validate a bundle against Brian2

Examples:
    >>> import numpy as np, spikelet
    >>> model = spikelet.load("vgg9-cifar10", engine="numpy")  # a shipped bundle; also the path of a file
    >>> result = model.run(np.zeros((2, 3, 32, 32)), steps=4, record="if1")
    >>> result.predictions.shape, result.spikes["if1"].shape, len(result.spike_rates)
    ((4, 2), (4, 2, 32, 32, 32), 8)
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
