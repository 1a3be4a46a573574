"""End a command before it has finished, and limit its memory, disk space and access to files."""
