"""Accuracy: accuracy per time-step, early exit, images lost by spiking."""
