"""Readers of file formats: images (Pillow), IDX, CIFAR batches, and WAV."""
