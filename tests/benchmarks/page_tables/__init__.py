"""Tables that are written into pages."""
