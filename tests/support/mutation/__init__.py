"""Mutants of the readers of source networks, and the networks that they read."""
