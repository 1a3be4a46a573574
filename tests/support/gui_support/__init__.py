"""Bundles for tests of the inspector, and functions that drive its window."""
