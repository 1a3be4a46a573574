"""What was compared is told at the end of the run, ties by name."""

import pytest


@pytest.fixture
def compared(record_property):
    """Tell what a test compared: compared(Compared)."""
    return lambda found: record_property("compared", found)


def pytest_terminal_summary(terminalreporter):
    rows = [
        (report.nodeid.rpartition("/")[2].partition("::")[2], value)
        for report in terminalreporter.getreports("passed")
        for key, value in report.user_properties
        if key == "compared" and report.when == "call"
    ]
    if rows:
        terminalreporter.section("spikes there and here")
    for name, found in rows:
        terminalreporter.line(f"{name}: {found}")
        for line in found.ties:
            terminalreporter.line(f"    {line}")
