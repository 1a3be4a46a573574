"""Neurons of snnTorch, SpikingJelly, sinabs and Norse, one module for each framework.

Classes are recognised by name, so none of the frameworks has to be installed. A layer becomes an LI for its synaptic
current, if it has one, and an IF or LIF.
"""

from __future__ import annotations

from torch import nn
from torch.nn.utils import parametrize

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.frameworks import norse, sinabs, snntorch, spikingjelly, written
from spikelet_converters.frontends.frameworks.neuron import Importer
from spikelet_converters.frontends.refusals import FRAMEWORK_NEURONS as REFUSED
from spikelet_converters.frontends.values import Value

MODULES = {"snntorch": snntorch, "spikingjelly": spikingjelly, "sinabs": sinabs, "norse": norse, "written": written}
NEURONS: dict[tuple[str, str], Importer] = {
    (framework, kind): importer for framework, module in MODULES.items() for kind, importer in module.NEURONS.items()
}
"""Importers of the supported layers, by framework and class name."""

CONTAINERS = ("SequentialState", "SeqToANNContainer", "MultiStepContainer", "StepModeContainer", "Lift")
_TORCH_LAYERS = (
    nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear, nn.BatchNorm2d, nn.BatchNorm1d,
    nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Upsample,
)  # fmt: skip
_NETWORKS = "spikingjelly.activation_based.model"  # blocks of whole networks, which are traced
_SUBCLASSED_IN = ("brevitas.nn", "torch.ao.nn")


def framework(module: nn.Module) -> str | None:
    """Return the framework that defines the class of a module, or None if it is not one of the four."""
    if isinstance(module, written.Written):
        return "written"
    if type(module).__module__.startswith(_NETWORKS):
        return None
    package = type(module).__module__.partition(".")[0]
    return package if package in MODULES and package != "written" else None


def is_layer(module: nn.Module) -> bool:
    """Return whether a module of another framework is imported as one layer, without tracing its forward method."""
    if framework(module) is None:
        return torch_type(module) is not type(module)
    return not isinstance(module, nn.Sequential) or type(module).__name__ in CONTAINERS


def is_neuron(module: nn.Module) -> bool:
    """Return whether a module is a supported neuron of another framework. It may return its states after its output."""
    return (framework(module), type(module).__name__) in NEURONS


def torch_type(module: nn.Module) -> type[nn.Module]:
    """Return the torch layer that a framework's layer is a subclass of, or the module's own type."""
    if parametrize.is_parametrized(module):  # weight_norm and its like, which give the weight by a property
        return type(module).__mro__[1]
    if type(module).__module__.startswith("spikingjelly.activation_based.layer"):
        (parent, *_) = type(module).__bases__
        return parent if parent.__module__.startswith("torch.nn.modules") else type(module)
    if type(module).__module__.startswith(_SUBCLASSED_IN):
        return next((layer for layer in _TORCH_LAYERS if isinstance(module, layer)), type(module))
    return type(module)


def children(module: nn.Module) -> list[tuple[str, nn.Module]] | None:
    """Return the names and layers of a framework's sequential container, in order, or None for another module."""
    if framework(module) is None or type(module).__name__ not in CONTAINERS:
        return None
    return list(module.named_children())


def read(builder: Builder, name: str, module: nn.Module, x: Value) -> Value | None:
    """Add a layer of another framework to a builder.

    Args:
        builder: The builder to add to.
        name: The module's name in the network.
        module: The layer, of one of the four frameworks.
        x: Its input.

    Returns:
        The layer's output, or None if the layer is a subclass of a torch layer.

    Raises:
        ConversionError: No node has the layer's dynamics. The message names an alternative.
    """
    source, kind = framework(module) or "", type(module).__name__
    where = f"module {name} ({source} {kind})"
    if (source, kind) in NEURONS:
        return NEURONS[source, kind](builder, name, where, module, x)
    if (source, kind) in REFUSED:
        raise ConversionError(f"{where}: {REFUSED[source, kind]}")
    if torch_type(module) is not type(module):
        return None
    supported = sorted(name for package, name in NEURONS if package == source)
    raise ConversionError(f"{where}: is not supported; expected a layer of torch, or one of {', '.join(supported)}")


__all__ = ["MODULES", "NEURONS", "REFUSED", "children", "framework", "is_layer", "is_neuron", "read", "torch_type"]
