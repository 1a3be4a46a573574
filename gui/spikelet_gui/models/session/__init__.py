"""What is open and chosen: document, input, settings, time cursor, selection."""
