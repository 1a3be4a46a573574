"""Training, and conversion of networks to bundles. Needs torch: pip install "spikelet[convert]"."""
