"""Simulate bundles in Brian2, an independent, published simulator, to check the engines.

Brian2: Stimberg, Brette & Goodman, eLife 8 (2019) e47314, doi:10.7554/eLife.47314. pip install "spikelet[brian2]".
Importing this package does not import Brian2.
"""

from spikelet_converters.brian2.differences import Divergence, LayerReport
from spikelet_converters.brian2.report import ValidationReport
from spikelet_converters.brian2.validation import validate

__all__ = ["Divergence", "LayerReport", "ValidationReport", "validate"]
