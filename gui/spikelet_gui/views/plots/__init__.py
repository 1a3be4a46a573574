"""Charts, rasters, and the drawing of the network."""
