"""Compare panel: two bundles, or one bundle on two engines, side by side."""
