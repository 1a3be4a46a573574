"""Files other than bundles: write them atomically, decode them, compile them."""
