"""Files outside a bundle: written atomically, decoded, or written by a compiler."""
