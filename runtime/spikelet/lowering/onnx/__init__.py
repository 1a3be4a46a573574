"""Translate a graph to ONNX models of one time-step or a window of time-steps, and audit stored models."""
