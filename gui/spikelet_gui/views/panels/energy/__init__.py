"""Energy panel: operations and estimated energy by hardware profile."""
