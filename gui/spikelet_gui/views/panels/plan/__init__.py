"""Plan panel: copies, time-steps and early exit for a budget."""
