"""Import torch modules and torch.export programs."""

from spikelet_converters.frontends.torch.modules import from_exported, from_module, from_program, load_module

__all__ = ["from_exported", "from_module", "from_program", "load_module"]
