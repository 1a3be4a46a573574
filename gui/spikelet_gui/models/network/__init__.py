"""Structure of a network: blocks of layers, branches, weights."""
