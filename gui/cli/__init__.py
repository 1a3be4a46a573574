"""The verb `spikelet gui`."""
