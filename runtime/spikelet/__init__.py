"""spikelet: run converted spiking networks. NumPy is all that this package needs.

model = spikelet.load("vgg9-cifar10.snnb")
result = model.run(images, steps=8)
result.predictions[-1]
"""

from spikelet.early_exit import Confidence, Margin
from spikelet.errors import SpikeletError
from spikelet.session import Model, Result, Step, load
from spikelet.version import __version__

__all__ = ["Confidence", "Margin", "Model", "Result", "SpikeletError", "Step", "__version__", "load"]
