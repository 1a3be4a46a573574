"""Read mutated bundles with both readers: `python tests/stress/two_readers_campaign.py --count 200000`.

Three of four files are networks changed by `hostile.networks`, one is changed by `hostile.mutations` (bytes, documents, headers).
A disagreement of the readers, a spike in which an engine and the second reader differ, an exception that is none of
the readers', and a file that takes more than 1 s of processor time or 64 MB of address space above its size are kept
in build/two-readers/ and fail the run. numpy runs every file that both read, onnx one in 4, native one in --native.
"""

import argparse
import collections
import json
import os
import resource
import sys
import time
import traceback
from contextlib import contextmanager, suppress
from pathlib import Path

import campaign
import second_reader
from conformance_vectors.breaking import BASES, base
from hostile.bundles import MEMORY
from hostile.mutations import Mutator
from hostile.networks import NetworkMutator
from spikelet.bundle import decode
from spikelet.errors import BundleError
from two_readers import disagreement, judge, runnable

KEEP = Path(__file__).resolve().parents[2] / "build" / "two-readers"
MOST_SECONDS = 1.0
PORTION = 500


class Limited:
    """Limits address space to 64 MB above the last measured value plus the size of the file."""

    def __init__(self):
        self.hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        self.measure()

    def measure(self):
        with open("/proc/self/statm") as file:
            self.now = int(file.read().split()[0]) * resource.getpagesize()

    @contextmanager
    def __call__(self, size):
        resource.setrlimit(resource.RLIMIT_AS, (self.now + MEMORY + size, self.hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (self.hard, self.hard))


def judged(content, limited):
    """Read a file with both readers, and repeat measurements beyond the limits, which other programs can affect."""
    try:
        verdicts = judge(content, limited(len(content)))
    except MemoryError:
        limited.measure()
        verdicts = judge(content, limited(len(content)))
    if max(verdicts.seconds) <= MOST_SECONDS:
        return verdicts, None
    seconds = []
    for read in (decode, second_reader.read):
        started = time.process_time()
        with suppress(BundleError, second_reader.Refused):
            read(content)
        seconds.append(time.process_time() - started)
    return verdicts, f"took {seconds} s" if max(seconds) > MOST_SECONDS else None


def look_at(content, index, native, limited):
    """Return (verdict, complaint or None, elapsed seconds of both readers) for a file."""
    try:
        verdicts, slow = judged(content, limited)
        complaint = verdicts.complaint or slow
        verdict = "refused" if verdicts.first is None else "read"
        if verdicts.first is None and verdicts.second is not None:
            verdict = "step model refused"
        if complaint is None and runnable(verdicts):
            engines = ["numpy"] + ["onnx"] * (index % 4 == 0) + ["native"] * (index % native == 0)
            complaint = disagreement(verdicts, engines, index)
            verdict = "read and run"
        return verdict, complaint, verdicts.seconds
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        where = "".join(traceback.format_tb(error.__traceback__, -3))
        return "exception", f"{type(error).__name__}: {error}"[:500] + "\n" + where, (0.0, 0.0)


def work(seed, count, pipe, native):
    """Read `count` mutated files with both readers, and send complaints and verdicts through the pipe."""
    limited = Limited()
    sources = [NetworkMutator(f"{seed} networks"), Mutator(f"{seed} bytes", [base(name) for name in BASES])]
    verdicts, slowest = collections.Counter(), [0.0, 0.0]
    for index in range(count):
        kind, content = sources[index % 4 == 3].one()
        verdict, complaint, seconds = look_at(content, index, native, limited)
        verdicts[verdict] += 1
        slowest = [max(pair) for pair in zip(slowest, seconds, strict=True)]
        if complaint:
            pipe.send(("bad", f"seed {seed}, file {index}, {kind}: {complaint}", content))
        if (index + 1) % PORTION == 0 or index + 1 == count:
            pipe.send(("done", verdicts, tuple(slowest)))
            verdicts = collections.Counter()
    pipe.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--native", type=int, default=1000, metavar="N", help="compile one network in N")
    args = parser.parse_args()
    started = time.monotonic()
    os.environ.setdefault("SPIKELET_CFLAGS", "-O0")
    outcome = campaign.run(work, args.count, args.processes, KEEP, args.seed, args.native)
    verdicts, complaints = outcome.verdicts, outcome.complaints
    slowest = outcome.largest or (0.0, 0.0)  # none, if every process ended before its first portion
    facts = {
        "files": sum(verdicts.values()),
        "verdicts": dict(verdicts),
        "complaints": len(complaints),
        "slowest_s": {"spikelet": round(slowest[0], 3), "second_reader": round(slowest[1], 3)},
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(facts, indent=1))
    return 1 if complaints or facts["files"] < args.count else 0


if __name__ == "__main__":
    sys.exit(main())
