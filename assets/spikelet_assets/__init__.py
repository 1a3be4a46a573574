"""What ships: bundles and images for them. Checkpoints lie beside them in the repository only."""
