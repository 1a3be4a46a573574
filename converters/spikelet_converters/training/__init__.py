"""Training of a source network: recipe, loop, checkpoints."""
