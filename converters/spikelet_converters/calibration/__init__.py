"""Post-training conversion: thresholds for a plain ReLU network from a few images, and what they get wrong, corrected.

analog      a float32 graph as the network it came from, in torch
layers      what may be changed of a layer: the bias of its current, v(0)
thresholds  theta of every layer or channel: max, percentile, mse
correction  bias and initial potential, layer after layer, against what the spiking layer really sends
"""
