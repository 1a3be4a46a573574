"""Cost of a call in operations, bytes or instructions, and references for spike counts."""
