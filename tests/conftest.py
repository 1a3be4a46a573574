"""Settings of every test run: a cache of compiled networks of its own, one thread for each matrix product."""

import os

# read when NumPy and torch load; the matrices are so small that one thread is the fastest
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

import skip_report
from garbage import freeze_what_is_alive

MOST_WORKERS = 8  # each loads torch, Qt and Brian2

# The same examples in every run; the long campaigns (make conformance) draw new ones.
settings.register_profile("seeded", derandomize=True, deadline=None)  # machines differ in speed
settings.load_profile("default" if "SPIKELET_CONFORMANCE" in os.environ else "seeded")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    os.environ["SPIKELET_CACHE"] = str(tmp_path_factory.mktemp("cache"))


def pytest_collection_finish():
    freeze_what_is_alive()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """What the tests of a file loaded stays as well."""
    result = yield
    if nextitem is None or nextitem.path != item.path:
        freeze_what_is_alive()
    return result


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist nobody calls it
def pytest_xdist_auto_num_workers(config):
    """`-n auto`: one worker for each core that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


def pytest_terminal_summary(terminalreporter):
    """Say what was skipped and what would run it."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section(f"{len(skipped)} skipped")
        for line in skip_report.lines([report.longrepr[2] for report in skipped]):
            terminalreporter.write_line(line)
