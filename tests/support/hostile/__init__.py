"""Bundles from an attacker: mutations that know the format, and networks of extreme sizes and names."""
