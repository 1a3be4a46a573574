"""Import NIR files: of other writers, or the exact network from spikelet's annotation."""

from spikelet_converters.frontends.nir.files import from_nir, read

__all__ = ["from_nir", "read"]
