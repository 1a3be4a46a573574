"""Conversion of a trained network to a bundle."""
