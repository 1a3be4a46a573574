"""Weights of a network in the files of torch and of other programs, which are read without executing code."""

from spikelet_converters.weights.reader import load, refuse_script
from spikelet_converters.weights.state_dicts import described, fit, mismatch, states

__all__ = ["described", "fit", "load", "mismatch", "refuse_script", "states"]
