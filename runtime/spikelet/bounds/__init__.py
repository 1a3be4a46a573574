"""Bounds on a network and on a run: operations and memory, exact ranges, and magnitudes of floats."""
