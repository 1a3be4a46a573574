"""Commands that need torch. They are added to the command line as entry points."""
