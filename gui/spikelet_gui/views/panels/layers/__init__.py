"""Layers: feature maps, rasters and neurons of one layer."""
