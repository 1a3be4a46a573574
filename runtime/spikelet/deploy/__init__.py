"""Deploy a bundle: a folder with Python or C for another machine, or a web page."""
