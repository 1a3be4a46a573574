"""Commands that prepare a bundle for another machine."""
