"""State of a session: document, input, results, settings, time cursor and selection."""
