"""Tables, charts and HTML pages of the measurements of `spikelet.metrics`."""
