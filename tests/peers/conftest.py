"""What was compared is told at the end of the run, ties by name."""

import pytest


@pytest.fixture
def compared(record_property):
    """Report what a test compared: call it with a `Compared`."""
    return lambda result: record_property("compared", [str(result), *result.ties])  # plain data: it crosses processes


def pytest_terminal_summary(terminalreporter):
    rows = [
        (report.nodeid.rpartition("/")[2].partition("::")[2], value)
        for report in terminalreporter.getreports("passed")
        for key, value in report.user_properties
        if key == "compared" and report.when == "call"
    ]
    if rows:
        terminalreporter.section("spikes there and here")
    for name, (summary, *ties) in rows:
        terminalreporter.line(f"{name}: {summary}")
        for line in ties:
            terminalreporter.line(f"    {line}")
