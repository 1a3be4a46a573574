"""Read many changed files that are no bundles: `python tests/stress/data_campaign.py --count 100000`.

Images, sound, recordings of event cameras, data sets, profiles, studies, signatures, checkpoints, NIR and ONNX. A file
fails the run if anything but a SpikeletError is raised, or if reading it takes more than 1 s of processor time or 64 MB
of address space above its size. Decoded sizes are limited to 24 MB (SPIKELET_MAX_MEMORY): what a compressed file
becomes is part of what a user asks for. One file in --lines is also read by the command line. Folders are kept as .zip
in build/data-files/.
"""

import argparse
import collections
import contextlib
import io
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
import zipfile
from pathlib import Path
from random import Random

import campaign
from hostile.bundles import MEMORY
from hostile_data import samples
from hostile_data.changes import zip_of
from hostile_data.kinds import KINDS, changed, command, put, small_bundle
from hostile_data.sources import SOURCES
from spikelet import cli, errors
from spikelet.errors import OutOfMemory, SpikeletError

KEEP = Path(__file__).resolve().parents[2] / "build" / "data-files"
MOST_SECONDS = 1.0
PORTION = 500
ALL = {**KINDS, **SOURCES}


def _address_space():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


@contextlib.contextmanager
def _limited(size):
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY + size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def judge(kind, folder, size):
    """Read a folder; "read", "refused", or a complaint, and the processor time."""
    started = time.process_time()
    verdict = "read"
    try:
        with _limited(size):
            kind.read(folder)
    except OutOfMemory as error:
        verdict = f"took more than 64 MB: {error}"
    except SpikeletError as error:
        verdict = "refused" if len(str(error)) > 10 else f"a message of nothing: {error!r}"
    except BaseException as error:
        where = "".join(traceback.format_tb(error.__traceback__, -3))
        verdict = f"{type(error).__name__}: {error}"[:300] + "\n" + where
    return verdict, time.process_time() - started


def by_line(kind, folder, bundle, images):
    """Read a folder by the command line; a complaint or None."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(command(kind, folder, bundle, images))
    except BaseException as error:
        return f"command line: {type(error).__name__}: {error}"[:300]
    lines = err.getvalue().count("\n")
    return (
        None
        if code in (0, 1, 2) and lines == (code != 0)
        else f"command line: exit code {code}, {err.getvalue()[:300]!r}"
    )


def work(seed, count, pipe, lines, only):
    """Judge `count` folders."""
    os.environ["SPIKELET_MAX_MEMORY"] = "24M"
    errors._memory_is_short = lambda: False  # it asks for 64 MB, which the limit refuses
    home = Path(tempfile.mkdtemp())
    try:
        folder, other = home / "f", home / "o"
        folder.mkdir()
        other.mkdir()
        bundle = small_bundle(other)
        put(other, {"images.npz": samples.arrays("images.npz")["images.npz"], "small.snnb": bundle.read_bytes()})
        kinds = {name: kind for name, kind in ALL.items() if only in name}
        valid = {name: kind.make() for name, kind in kinds.items()}
        for name, kind in kinds.items():  # one-time loading and allocation is not counted
            put(folder, valid[name])
            kind.read(folder)
            kind.line and by_line(kind, folder, bundle, other / "images.npz")
        _judged(Random(seed), count, pipe, lines, kinds, valid, folder, bundle, other / "images.npz")
    finally:
        shutil.rmtree(home)
    pipe.close()


def _judged(random, count, pipe, lines, kinds, valid, folder, bundle, images):
    names, verdicts, slowest = list(kinds), collections.Counter(), 0.0
    for index in range(count):
        name = names[index % len(names)]
        files = changed(kinds[name], valid[name], random)
        put(folder, files)
        size = sum(map(len, files.values()))
        verdict, seconds = judge(kinds[name], folder, size)
        if seconds > MOST_SECONDS:
            seconds = judge(kinds[name], folder, size)[1]
        slowest = max(slowest, seconds)
        complaint = None if verdict in ("read", "refused") else verdict
        complaint = f"took {seconds:.2f} s" if seconds > MOST_SECONDS else complaint
        if complaint is None and kinds[name].line and random.randrange(lines) == 0:
            complaint = by_line(kinds[name], folder, bundle, images)
            verdicts["by the command line"] += 1
        verdicts[f"{name}: {'complaint' if complaint else verdict}"] += 1
        if complaint:
            pipe.send(("bad", f"{name}, seed {index}: {complaint}", zip_of(list(files.items()), zipfile.ZIP_STORED)))
        if (index + 1) % PORTION == 0 or index + 1 == count:
            pipe.send(("done", dict(verdicts), (slowest,)))
            verdicts.clear()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--lines", type=int, default=20, metavar="N", help="read one file in N by the command line too")
    parser.add_argument("--only", default="", metavar="TEXT", help="kinds whose names contain this")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads reserve address space
    os.environ.setdefault("MALLOC_ARENA_MAX", "1")
    started = time.monotonic()
    outcome = campaign.run(work, args.count, args.processes, KEEP, args.seed, args.lines, args.only, suffix=".zip")
    verdicts = outcome.verdicts
    lines = verdicts.pop("by the command line", 0)
    facts = {
        "files": verdicts.total(),
        "read": sum(number for kind, number in verdicts.items() if kind.endswith(": read")),
        "refused": sum(number for kind, number in verdicts.items() if kind.endswith(": refused")),
        "by_command_line": lines,
        "complaints": len(outcome.complaints),
        "slowest_s": round(max(outcome.largest or (0.0,)), 3),
        "seconds": round(time.monotonic() - started),
        "kinds": dict(sorted(verdicts.items())),
    }
    print(json.dumps(facts, indent=1))
    return 1 if outcome.complaints or facts["files"] < args.count else 0


if __name__ == "__main__":
    sys.exit(main())
