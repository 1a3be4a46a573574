"""A graph as ONNX models: one time-step, a window of time-steps, and the audit of a stored model."""
