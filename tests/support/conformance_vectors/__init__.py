"""The conformance vectors: small bundles with the results that every implementation must compute.

python -m conformance_vectors.generate    (make vectors) writes docs/vectors/ and docs/vectors.md
"""

from conformance_vectors import copies, documents, files, neurons, reals, refused_files, refused_networks, synapses
from conformance_vectors.vector import ACCEPTED, DIFFERING, REFUSED, Refusal, Vector

__all__ = [
    "ACCEPTED",
    "DIFFERING",
    "REFUSED",
    "Refusal",
    "Vector",
    "copies",
    "documents",
    "files",
    "neurons",
    "reals",
    "refused_files",
    "refused_networks",
    "synapses",
]
