"""Commands that inspect, verify and measure a bundle."""
