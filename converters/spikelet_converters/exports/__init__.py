"""Bundles in other people's formats: NIR, ONNX, and recorded spikes."""
