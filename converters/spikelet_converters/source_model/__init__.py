"""The source network: its activation, its residual error, and its simulation with spiking neurons."""
