"""Settings of every test run: a cache of compiled networks of the tests, and one thread for each matrix product."""

import builtins
import gc
import multiprocessing.util
import os
import sys
import tempfile

# read when NumPy and torch load; the matrices are so small that one thread is the fastest
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # for the tests that import ONNX Runtime themselves

# Processes that tests start buffer their output, as those of users do.
os.environ.pop("PYTHONUNBUFFERED", None)
# Keep what Python compiles, else each process that a test starts compiles the project again. Empty is as unset.
os.environ["PYTHONDONTWRITEBYTECODE"] = ""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import engine, providers

import fewer_reports
import skip_report
from garbage import collect_rarely, freeze_what_is_alive, many_modules_are_new
from library_cache import cache_folder, remove_old_libraries

sys.dont_write_bytecode = False  # it has already been read in this process

# Settings of the user's own: limits, a signature policy, a cache, colours and the width of a terminal.
for name in [name for name in os.environ if name.startswith("SPIKELET_")]:
    if name not in ("SPIKELET_CFLAGS", "SPIKELET_CONFORMANCE"):
        del os.environ[name]
for name in ("FORCE_COLOR", "NO_COLOR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
    os.environ.pop(name, None)
os.environ["COLUMNS"] = "80"

# Files of tests need not survive a loss of power: to wait for the disk takes milliseconds for each file. A descriptor
# that is closed is still an error. Processes of their own wait as users do.
os.fsync = os.fstat

# Tests of the native engine compile as users do (see the fixture); the others need its answers, not its speed.
CFLAGS = os.environ.setdefault(
    "CFLAGS_OF_USERS", os.environ.get("SPIKELET_CFLAGS", "")
)  # workers inherit the next line
os.environ.setdefault("SPIKELET_CFLAGS", "-O0")  # a network takes 0.2 s, not 0.5 s as with -O1
# Workers of a parallel run keep memory that is freed, for the next arrays: to return it to the system and to ask for it
# again took up to a third of their time in the system. glibc reads these when a process starts (man mallopt); the processes
# that tests start have the settings of users.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": 2**25, "MALLOC_TRIM_THRESHOLD_": 2**28, "MALLOC_TOP_PAD_": 2**24}  # in bytes
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in MEMORY:
        os.environ.pop(name, None)
MOST_WORKERS = 8  # each loads torch, Qt and Brian2
# Files with a test of five seconds or more. They come first, so that no worker ends long after the others.
LONGEST = ("test_faults.py", "test_study.py", "test_supply_chain.py", "test_parallel.py", "test_documentation.py")

# No limit of time: machines differ in speed and load.
settings.register_profile("campaign", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples in every run, and fewer; the long campaigns (make conformance) draw new ones.
settings.register_profile("seeded", settings.get_profile("campaign"), derandomize=True, max_examples=40)
# Hypothesis also draws numbers and texts that it finds in the modules of the project that are loaded: which these are
# depends on the tests that ran before in the same process, and each change of a file would change the examples.
if "SPIKELET_CONFORMANCE" not in os.environ and hasattr(providers, "is_local_module_file"):
    providers.is_local_module_file = lambda path: False
# It follows an example by up to five copies of it that repeat a part: of 60 networks 18 were of the same structure.
# A short campaign is better spent on examples of their own; the long ones have both.
if "SPIKELET_CONFORMANCE" not in os.environ and hasattr(engine.ConjectureRunner, "generate_mutations_from"):
    engine.ConjectureRunner.generate_mutations_from = lambda self, data: None
settings.load_profile("campaign" if "SPIKELET_CONFORMANCE" in os.environ else "seeded")


@pytest.fixture(scope="session", autouse=True)
def _settings(tmp_path_factory):
    """Apply the settings of all tests: one fixture, because each takes time in every test."""
    from spikelet import onnx_runtime
    from spikelet.benchmark import measure

    _use_own_cache(tmp_path_factory)
    multiprocessing.util.get_temp_dir()  # made before TMPDIR changes: it is removed after the files of the run
    temporary = tmp_path_factory.getbasetemp() / "t"  # a short name: paths of sockets have at most 108 bytes
    temporary.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        # What processes leave that a test ends is removed with the files of the run.
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", None)
        # Threads of ONNX Runtime would wait actively on the cores of other workers.
        patch.setattr(onnx_runtime, "default_threads", lambda: 1)
        # Reports measure the time of time-steps, two seconds for each batch size.
        patch.setattr(measure, "SECONDS", 0.02)
        yield
    if "brian2" in sys.modules:  # its log is removed with the files of the run, before it would remove it itself
        sys.modules["brian2"].prefs["logging.delete_log_on_exit"] = False


def _use_own_cache(tmp_path_factory):
    """Use one cache for all workers and runs, so that a network is compiled once."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a folder of its own, below that of the run
        folder = folder.parent
    os.environ["SPIKELET_CACHE"] = str(cache_folder(folder / "cache"))
    if not os.access(os.path.expanduser("~"), os.W_OK):  # matplotlib, which Brian2 imports, would write a warning
        os.environ.setdefault("MPLCONFIGDIR", str(folder / "matplotlib"))


@pytest.fixture(scope="module")
def flags_of_users():
    """Compile with the flags of the native engine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIKELET_CFLAGS", CFLAGS)
        yield


def pytest_configure(config):
    collect_rarely()
    if not hasattr(config, "workerinput"):
        remove_old_libraries()
    fewer_reports.use_if_enough(config)


def pytest_sessionstart():
    """Restore Python's import, which PySide6 replaces: it reads the source of each module that is imported later."""
    builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Freeze all objects that the collection of tests loads."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        freeze_what_is_alive()


def pytest_collection_modifyitems(items):
    """Put the longest tests first, and keep the order of the others."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Freeze objects after each file, and after a test that loads many modules (torch's compiler, Brian2)."""
    result = yield
    if nextitem is None or nextitem.path != item.path or many_modules_are_new():
        freeze_what_is_alive()
    return result


@pytest.hookimpl(optionalhook=True)  # it is called by pytest-xdist only
def pytest_xdist_auto_num_workers(config):
    """Return the number of workers of `-n auto`: one for each core that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_WORKERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes():
    """Set what workers read when they start."""
    os.environ.update({name: str(size) for name, size in MEMORY.items()})


def pytest_terminal_summary(terminalreporter):
    """Report the skipped tests and how to run them."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section(f"{len(skipped)} skipped")
        for line in skip_report.lines([report.longrepr[2] for report in skipped]):
            terminalreporter.write_line(line)
