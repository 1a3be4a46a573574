"""Images: a gallery, and an image that can be drawn."""
