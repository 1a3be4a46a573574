"""Accuracy panel: accuracy by time-step, early exit, images lost by spiking."""
