"""Hostile bundles: mutations at the level of the format, and networks of extreme sizes and names."""
