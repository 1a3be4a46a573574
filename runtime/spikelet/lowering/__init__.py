"""A graph in other forms, as pure functions: today ONNX."""
