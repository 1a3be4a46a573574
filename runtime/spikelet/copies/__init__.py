"""Copies of neurons: their expansion into channels, and their spike count in one time-step in closed form."""

from spikelet.copies.channels import expand, expand_layers, expanded_weights, free_name

__all__ = ["expand", "expand_layers", "expanded_weights", "free_name"]
