"""Validate panel: replay of the golden inputs, and comparison with Brian2."""
