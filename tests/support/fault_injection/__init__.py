"""Interrupted commands, and commands with limited memory, disk space or access to files."""
