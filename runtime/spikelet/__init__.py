"""Run converted spiking networks. The only dependency is NumPy.

Example:
    >>> import spikelet
    >>> model = spikelet.load("vgg9-cifar10.snnb")      # doctest: +SKIP
    >>> result = model.run(images, steps=8)             # doctest: +SKIP
    >>> result.predictions[-1]                          # doctest: +SKIP
"""

from spikelet.bounds.limits import Limits
from spikelet.errors import SpikeletError
from spikelet.session import Model, Result, Step, load
from spikelet.session.early_exit import Confidence, Margin
from spikelet.version import __version__

__all__ = ["Confidence", "Limits", "Margin", "Model", "Result", "SpikeletError", "Step", "__version__", "load"]
