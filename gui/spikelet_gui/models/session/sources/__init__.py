"""Sources of inputs: images, drawings, recordings, and the data set that a user opened."""
