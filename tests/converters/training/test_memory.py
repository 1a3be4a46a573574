"""Settings of the C library while a network trains, and that they are restored on every exit."""

import platform
import subprocess
import sys

import pytest

from spikelet_converters.training import memory
from spikelet_converters.training.memory import freed_memory_kept

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of <malloc.h>
KEEP_BLOCKS, KEEP_PAGES = ("mallopt", M_MMAP_MAX, 0), ("mallopt", M_TRIM_THRESHOLD, -1)
UNDONE = [("mallopt", M_MMAP_MAX, 65_536), ("mallopt", M_TRIM_THRESHOLD, 131_072), ("malloc_trim", 0)]


class Library:
    """Replacement for glibc that records every call and refuses some settings."""

    def __init__(self, refused=()):
        self.refused, self.calls = refused, []

    def mallopt(self, setting, value):
        self.calls.append(("mallopt", setting, value))
        return int(setting not in self.refused)

    def malloc_trim(self, kept):
        self.calls.append(("malloc_trim", kept))
        return 1


@pytest.fixture
def library(monkeypatch):
    library = Library()
    monkeypatch.setattr(memory, "_glibc", lambda: library)
    return library


def test_freed_memory_is_kept_within_and_released_after(library):
    with freed_memory_kept() as kept:
        assert kept is True
        assert library.calls == [KEEP_BLOCKS, KEEP_PAGES]
    assert library.calls[2:] == UNDONE


@pytest.mark.parametrize("error", [ValueError, MemoryError, KeyboardInterrupt, SystemExit])
def test_it_is_released_after_an_error(library, error):
    with pytest.raises(error), freed_memory_kept():
        raise error
    assert library.calls == [KEEP_BLOCKS, KEEP_PAGES, *UNDONE]


def test_it_is_released_by_a_return(library):
    def train():
        with freed_memory_kept():
            return len(library.calls)

    assert train() == 2
    assert library.calls[2:] == UNDONE


@pytest.mark.parametrize(
    ("refused", "asked"),
    [
        ((M_MMAP_MAX,), [KEEP_BLOCKS]),
        ((M_TRIM_THRESHOLD,), [KEEP_BLOCKS, KEEP_PAGES]),
        ((M_MMAP_MAX, M_TRIM_THRESHOLD), [KEEP_BLOCKS]),
    ],
)
def test_a_refusing_library_is_reported_and_restored(library, refused, asked):
    library.refused = refused
    with freed_memory_kept() as kept:
        assert kept is False
        assert library.calls == asked
    assert library.calls[len(asked) :] == UNDONE


def test_without_glibc_no_settings_are_changed(monkeypatch):
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    with freed_memory_kept() as kept:
        assert kept is False


def test_on_another_system_no_library_is_opened(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: pytest.fail("opened a library"))
    assert memory._glibc() is None


@pytest.mark.parametrize("missing", ["mallopt", "malloc_trim"])
def test_a_library_without_the_functions_is_not_used(monkeypatch, missing):
    class Other:
        def __getattr__(self, name):
            if name == missing:
                raise AttributeError(name)
            return None

    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Other())
    assert memory._glibc() is None


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_glibc_accepts_these_settings():
    """In a separate process, because the settings apply to the process. Their effect is measured in `tests/stress`."""
    script = "from spikelet_converters.training.memory import freed_memory_kept as k\nwith k() as kept: print(kept)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
