"""Networks that a measurement compares, how they are run, and the processor that runs them."""
