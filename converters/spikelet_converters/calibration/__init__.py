"""Post-training calibration of plain ReLU networks on a few images.

analog      evaluation of a float32 graph in torch, with any function as its neurons
layers      changes to a layer: bias of its current, initial potential
thresholds  threshold of every layer or channel: max, percentile, mse
correction  correction of biases and initial potentials, layer by layer
loss        loss of agreement by layer, and advice
"""
