"""Compare: two bundles or two engines side by side."""
