"""Verbs that need torch; they join the command line as entry points."""
