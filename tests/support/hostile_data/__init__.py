"""Files that are no bundles: small valid ones of every kind, their mutations, and the functions that read them."""
