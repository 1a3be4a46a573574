"""The bundle format: one portable file that contains a network, its golden inputs, provenance and a model card."""

from spikelet.bundle.bundle import SUFFIX, Bundle, decode, read, write
from spikelet.bundle.golden import Golden
from spikelet.bundle.manifest import Manifest

__all__ = ["SUFFIX", "Bundle", "Golden", "Manifest", "decode", "read", "write"]
