"""Translate a graph to ONNX models and to C, by pure functions."""
