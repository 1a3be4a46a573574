"""Residuals: where the spiking network differs from its source."""
