"""Measure load time, time per time-step and memory of an engine."""
