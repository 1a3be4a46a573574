"""What is computed from a bundle: traces, sweeps, costs, comparisons, checks."""
