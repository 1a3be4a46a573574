"""Post-training conversion: thresholds for a plain ReLU network from a few images, and what they get wrong, corrected.

analog      a float32 graph as the network it came from, in torch
thresholds  theta of every layer or channel: max, percentile, mse
correction  bias and initial potential, layer after layer, against what the spiking layer really sends
"""
