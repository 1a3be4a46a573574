"""Import NIR files: those of other programs, and exact networks from the annotation that spikelet writes."""

from spikelet_converters.frontends.nir.files import from_nir, read

__all__ = ["from_nir", "read"]
