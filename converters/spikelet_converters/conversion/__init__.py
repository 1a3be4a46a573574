"""Conversion of trained networks to bundles."""
