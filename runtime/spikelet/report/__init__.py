"""Tables, charts and pages of the measurements of `spikelet.metrics`."""
