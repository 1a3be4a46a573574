"""Residuals panel: differences between activations and spike rates."""
