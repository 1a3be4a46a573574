"""The command `spikelet gui`."""
