"""Ways to end a command before it is done, and to take memory, disk space and files from it."""
