"""Source networks: activation, models of the residual error, reference networks, simulation with IF neurons."""
