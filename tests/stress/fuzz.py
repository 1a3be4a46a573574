"""Read many mutated bundles: `python tests/stress/fuzz.py --count 1000000`.

Each process works in an empty folder under limits of the operating system: 64 MB of address space more than
before the first file, no writes to files, no sockets, no other programs. A file that raises anything but a
BundleError, takes more than 1 s of processor time, or breaks a limit, is kept in build/fuzz/ and fails the run.
"""

import argparse
import collections
import json
import os
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

import campaign
from hostile.bundles import MEMORY
from hostile.mutations import Mutator
from spikelet.bundle import decode
from spikelet.errors import BundleError

KEEP = Path(__file__).resolve().parents[2] / "build" / "fuzz"
PORTION = 2_000  # files between two reports
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.remove", "os.rename")
FORBIDDEN += ("os.mkdir", "os.chmod", "os.link", "os.symlink", "os.truncate", "shutil.", "ctypes.dlopen", "pickle.")


def _watch(event, arguments):
    """Audit hook that raises an error for any access outside the process."""
    if event.startswith(FORBIDDEN) or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING):
        raise RuntimeError(f"reached outside: {event} {arguments!r}")


def judge(content, most_seconds=None):
    """Return the result of reading: "read", "refused", or a complaint. most_seconds: limit of processor time, if measured."""
    started = time.process_time()
    try:
        decode(content)
        verdict = "read"
    except BundleError:
        verdict = "refused"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300] + "\n" + "".join(traceback.format_tb(error.__traceback__, -3))
    seconds = time.process_time() - started
    return f"took {seconds:.2f} s" if most_seconds is not None and seconds > most_seconds else verdict


def _address_space(line):
    """Return bytes reported by the system: VmSize (current) or VmPeak (maximum)."""
    with open("/proc/self/status") as file:
        return next(int(row.split()[1]) * 1024 for row in file if row.startswith(f"{line}:"))


def _work(seed, count, pipe, most_seconds=None):
    os.chdir(tempfile.mkdtemp())
    mutator = Mutator(seed)
    for members in mutator.bases:  # warm-up: one-time loading and allocation is not counted
        mutator.bytes(b"".join(members.values()))
        assert judge(mutator.card(members)) in ("read", "refused")
    sys.addaudithook(_watch)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    now = _address_space("VmSize")
    # a file is in memory twice here, as its source and as the bytes that are read
    limit = now + MEMORY + 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    verdicts, slowest = collections.Counter(), 0.0
    for index in range(count):
        kind, content = mutator.one()
        started = time.process_time()
        verdict = judge(content, most_seconds)
        slowest = max(slowest, time.process_time() - started)
        if verdict in ("read", "refused"):
            verdicts[f"{kind} {verdict}"] += 1
        else:
            pipe.send(("bad", f"{kind}, seed {seed}, file {index}: {verdict}", content))
        if (index + 1) % PORTION == 0 or index + 1 == count:
            pipe.send(("done", dict(verdicts), (slowest, _address_space("VmPeak") - now)))
            verdicts.clear()
    pipe.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, metavar="S", help="complain of a file that takes more processor time")
    args = parser.parse_args()
    started = time.monotonic()
    outcome = campaign.run(_work, args.count, args.processes, KEEP, args.seed, args.seconds)
    verdicts, complaints = outcome.verdicts, outcome.complaints
    slowest, largest = outcome.largest or (0.0, 0.0)  # none, if every process ended before its first portion
    facts = {
        "files": sum(verdicts.values()) + len(complaints),
        "refused": sum(n for kind, n in verdicts.items() if kind.endswith("refused")),
        "read": sum(n for kind, n in verdicts.items() if kind.endswith("read")),
        "complaints": len(complaints),
        "slowest_s": round(slowest, 3),  # processor time, which does not depend on other processes
        "memory_mb": round(largest / 2**20, 1),  # of address space above the start, the file itself among it
        "seconds": round(time.monotonic() - started),
        "kinds": dict(sorted(verdicts.items())),
    }
    print(json.dumps(facts, indent=1))
    return 1 if complaints or facts["files"] < args.count else 0


if __name__ == "__main__":
    sys.exit(main())
