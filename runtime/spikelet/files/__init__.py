"""Files outside a bundle: written atomically, and decoded documents."""
