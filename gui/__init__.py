"""The inspector, a desktop GUI. Nothing is here yet."""
