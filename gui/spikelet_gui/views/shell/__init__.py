"""The window around the panels: header, footer, pages, shortcuts and export."""
