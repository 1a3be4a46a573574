"""Validate: replay of the golden inputs and comparison with Brian2."""
