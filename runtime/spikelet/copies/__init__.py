"""Copies of neurons: expansion into channels, and a closed form of the spike count in one time-step."""

from spikelet.copies.channels import expand, expand_layers, expanded_weights, free_name

__all__ = ["expand", "expand_layers", "expanded_weights", "free_name"]
