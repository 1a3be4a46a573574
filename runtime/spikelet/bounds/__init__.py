"""Bounds on a network and on a run: operations, memory, limits on both, exact ranges, and magnitudes of floats."""
