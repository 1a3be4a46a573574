"""The bundle format: one portable file that contains a network, its golden inputs, provenance and a model card."""

from spikelet.bundle.bundle import SUFFIX, Bundle
from spikelet.bundle.golden import Golden
from spikelet.bundle.manifest import Manifest
from spikelet.bundle.reader import decode, read
from spikelet.bundle.writer import write

__all__ = ["SUFFIX", "Bundle", "Golden", "Manifest", "decode", "read", "write"]
