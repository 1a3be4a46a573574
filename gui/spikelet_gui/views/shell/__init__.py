"""The window around the panels: header, pages, transport, shortcuts, exports."""
