"""Folders that run a bundle on another machine: a board with Python, or firmware in C."""
