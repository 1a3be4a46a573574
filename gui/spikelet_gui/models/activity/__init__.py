"""Activity on one image: recorded spikes and potentials, rasters, feature maps, tables, comparisons."""
