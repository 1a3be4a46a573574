"""Robustness panel: accuracy under faults and noise."""
