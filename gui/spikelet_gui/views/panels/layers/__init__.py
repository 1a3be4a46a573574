"""Layers panel: rasters, potentials, feature maps and neurons of one layer."""
