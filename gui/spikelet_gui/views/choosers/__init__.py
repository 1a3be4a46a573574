"""Choosers: the dialog for data, and the list of hardware profiles."""
