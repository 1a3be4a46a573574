"""Widgets that all panels share."""
