"""Charts, rasters and drawings."""
