"""What ships: the demo bundle and images for it. Checkpoints lie beside them in the repository only."""
