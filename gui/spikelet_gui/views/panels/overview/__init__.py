"""Overview panel: the input, the network, the evidence for each class."""
