"""Exported C as packages of build systems: one module for each kind, which states its files and where the C goes."""
