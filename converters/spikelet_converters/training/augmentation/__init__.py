"""Augmentation of batches of images: crops, mirrored images, cutout, and AutoAugment."""
