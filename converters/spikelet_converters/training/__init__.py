"""Training of source networks: recipes, training loop, checkpoints."""
