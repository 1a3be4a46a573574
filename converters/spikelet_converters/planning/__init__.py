"""Choose copies, time-steps and early exit of a bundle for a budget: see `plan.plan`."""
