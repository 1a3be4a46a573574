"""What a network consists of: blocks of layers, branches, weights."""
