"""Overview: the input, the network as a graph, the evidence for each class."""
