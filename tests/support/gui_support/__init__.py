"""Bundles for tests of the inspector, and functions that operate its window."""
