"""Print the compared spikes and the ties at the end of the run."""

import pytest


@pytest.fixture
def compared(record_property):
    """A function that reports the `Compared` of a test."""
    return lambda result: record_property("compared", [str(result), *result.ties])  # plain data, to cross processes


def pytest_terminal_summary(terminalreporter):
    rows = [
        (report.nodeid.rpartition("/")[2].partition("::")[2], value)
        for report in terminalreporter.getreports("passed")
        for key, value in report.user_properties
        if key == "compared" and report.when == "call"
    ]
    if rows:
        terminalreporter.section("spikes compared with the frameworks")
    for name, (summary, *ties) in rows:
        terminalreporter.line(f"{name}: {summary}")
        for line in ties:
            terminalreporter.line(f"    {line}")
