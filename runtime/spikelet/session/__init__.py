"""Run a bundle: `Model`, early-exit rules, and results."""

from spikelet.session.early_exit import Confidence, ExitRule, Margin, margin
from spikelet.session.model import Model, load
from spikelet.session.results import Result, Step

__all__ = ["Confidence", "ExitRule", "Margin", "Model", "Result", "Step", "load", "margin"]
