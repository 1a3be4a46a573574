"""Energy: operations and estimated energy by hardware profile."""
