"""Models of the inspector, independent of Qt and testable without a display."""
