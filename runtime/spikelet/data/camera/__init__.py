"""Camera frames: raw frames of a stream, and Linux cameras."""
