"""A cache of compiled networks that remains after a test run.

Most networks of the tests are the same in every run, and compilers take a tenth of its time. The native engine looks for a
library by a digest of source, flags and processor, so that a changed generator compiles again. The folder has a name of
the compiler, so that another one compiles again as well.
"""

import hashlib
import os
import shutil
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build" / "tests"
MOST_LIBRARIES = 3000  # a run uses hundreds of about 70 kB; more are of earlier generators


def cache_folder(temporary: Path) -> Path:
    """Return the folder for SPIKELET_CACHE: that of all runs, or `temporary` if it is not writable or networks are drawn anew."""
    compiler = shutil.which(os.environ.get("CC", "cc").split(" ")[0])
    if compiler is None or "SPIKELET_CONFORMANCE" in os.environ:
        return temporary
    status = os.stat(compiler)
    facts = (os.environ.get("CC"), os.path.realpath(compiler), status.st_size, status.st_mtime_ns)
    folder = BUILD / f"libraries-{hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return temporary
    return folder if os.access(folder, os.W_OK) else temporary


def remove_old_libraries() -> None:
    """Remove all libraries, of every compiler, if there are too many."""
    if sum(1 for _ in BUILD.glob("libraries-*/native/*")) > MOST_LIBRARIES:
        for folder in BUILD.glob("libraries-*"):
            shutil.rmtree(folder, ignore_errors=True)
