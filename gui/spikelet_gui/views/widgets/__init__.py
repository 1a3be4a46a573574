"""Theme, icons and the parts that panels are made of."""
