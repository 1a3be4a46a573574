"""Frames of cameras: raw frames of a stream, and cameras of Linux."""
