"""The file format: one portable file that holds a network, its proof and where it came from."""

from spikelet.bundle.bundle import SUFFIX, Bundle, decode, read, write
from spikelet.bundle.golden import Golden
from spikelet.bundle.manifest import Manifest

__all__ = ["SUFFIX", "Bundle", "Golden", "Manifest", "decode", "read", "write"]
