"""Analyses of a bundle: traces, sweeps, costs, comparisons, checks."""
