"""Export bundles as NIR and ONNX, and recorded spikes as CSV, NumPy and NIRData."""
