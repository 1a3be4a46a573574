"""Robustness: accuracy under faults and noise."""
