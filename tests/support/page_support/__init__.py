"""HTML pages in tests: a browser, runs of a web page, and reports."""
