"""Tables, charts and pages of what `spikelet.metrics` measured."""
