"""Measurements of a bundle: accuracy, costs, residual error, faults, settings, checks, and their report."""
