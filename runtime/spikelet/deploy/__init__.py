"""Folders that run a bundle on another machine, as Python or firmware in C, and web pages that run it."""
