"""Translate a graph to ONNX models and to C, as pure functions."""
