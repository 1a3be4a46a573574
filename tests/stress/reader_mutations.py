"""Change the code of the readers, and count the changes that the comparison with the source does not detect.

    python tests/stress/reader_mutations.py --count 600 --seed 1 [--results build/mutants.jsonl]

A mutant is one change to one module of `spikelet_converters.frontends`: a constant, an operator, a condition, or two
arguments in the other order. It reads those networks of the tests' forms whose import executes the changed statement.
For each network one of these holds:

* same: the graph computes the same as that of the unchanged reader;
* refused: reading raises an error, or the comparison (`check_graph`) does;
* silent: the comparison accepts a graph that computes something else. There must be none.

The change is made in memory in a fork of one process, which has imported everything and read every network once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from mutation.forms import forms  # noqa: E402
from mutation.mutants import READERS, mutants_of  # noqa: E402

DIFFERENT = 1e-3  # of the largest logit
SECONDS = 20  # of processor time for a mutant, which may loop for ever
WAITING = 300  # seconds after which a mutant that waits for something is ended


def computed(source):
    """Return the outputs of the imported graph on fixed inputs, with the quantisers that are not part of it.

    Quantisers have changed scales, since at ties the order of a sum decides.
    """
    from spikelet_converters.conversion.check import Imported
    from spikelet_converters.conversion.check_spikes import CHECKED_STEPS, simulated

    if source.simulate is None and source.perturbed is not None:
        source = source.perturbed()
    node = source.graph.input
    inputs = np.random.default_rng(9).integers(node.low, node.high + 1, (6, *source.shape)).astype(np.float32)
    inputs[3:] = np.rint(inputs[3:] * 0.1)
    if source.simulate is not None:
        return simulated(source.graph, inputs[None], CHECKED_STEPS).cumsum(0)
    return Imported(source).logits(inputs)


def stated(source):
    """Return the other properties of a source, which are compared if the outputs are equal."""
    node = source.graph.input
    return (
        sorted(map(str, source.relus.values())), sorted(source.levels.values()), source.ending, len(source.maxima),
        sorted(len(roundings) for roundings in source.roundings.values()), source.preprocessing, source.shape,
        node.low, node.high, source.labels, source.bits,
    )  # fmt: skip


def executed(read):
    """Return the result of a function, and the lines of the readers that it executes, by file."""
    lines = defaultdict(set)

    def local(frame, event, _):
        if event == "line":
            lines[frame.f_code.co_filename].add(frame.f_lineno)
        return local

    def trace(frame, event, _):
        if not frame.f_code.co_filename.startswith(str(READERS)):
            return None
        lines[frame.f_code.co_filename].add(frame.f_lineno)
        return local

    sys.settrace(trace)
    try:
        return read(), lines
    finally:
        sys.settrace(None)


class Reference:
    """The networks that the unchanged readers accept: what their graphs compute, and the lines that read them."""

    def __init__(self, readers):
        from spikelet_converters.conversion.check import check_graph

        self.readers, self.values, self.stated, self.lines, self.problems = readers, {}, {}, {}, {}
        for name, read in readers.items():
            try:
                read()  # caches are filled
                source, lines = executed(lambda read=read: (lambda s: (check_graph(s, None), s)[1])(read()))
                self.values[name], self.stated[name], self.lines[name] = computed(source), stated(source), lines
            except Exception as error:
                self.problems[name] = f"{type(error).__name__}: {str(error)[:200]}"

    def reaching(self, mutant):
        """Return the names of the networks whose import executes a mutant's statement."""
        first, last = mutant.lines
        path = str(mutant.path)
        if not mutant.function:
            return [name for name, lines in self.lines.items() if lines.get(path)]
        return [
            name for name, lines in self.lines.items() if any(first <= line <= last for line in lines.get(path, ()))
        ]

    def verdict(self, name):
        """Return the verdict on a mutant for a network."""
        from spikelet_converters.conversion.check import check_graph

        try:
            source = self.readers[name]()
            check_graph(source, None)
            value = computed(source)
        except Exception:
            return "refused"
        expected = self.values[name]
        if value.shape != expected.shape or np.abs(value - expected).max() > DIFFERENT * np.abs(expected).max():
            return "silent"
        return "same" if repr(stated(source)) == repr(self.stated[name]) else "stated"


def child(mutant, reference, names, pipe):
    """Read networks with a mutant, and write the verdicts."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    signal.alarm(WAITING)
    warnings.simplefilter("ignore")
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    try:
        mutant.apply()
        verdicts = {name: reference.verdict(name) for name in names}
    except BaseException as error:
        verdicts = {"import": "refused", "error": type(error).__name__}
    os.write(pipe, json.dumps(verdicts).encode())


def run(mutant, reference, names):
    """Return the verdicts on a mutant, by network."""
    read_end, write_end = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(read_end)
        child(mutant, reference, names, write_end)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as file:
        content = file.read()
    os.waitpid(process, 0)
    return json.loads(content) if content else {"process": "ended"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, help="number of mutants; all without it")
    parser.add_argument("--forms", type=int, default=8, help="networks that a mutant reads")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--readers", default="", help="only modules whose path contains this text")
    parser.add_argument("--results", type=Path, help="file to which every mutant is appended, one JSON line each")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(1)
    rng = random.Random(args.seed)
    paths = [path for path in sorted(READERS.rglob("*.py")) if args.readers in str(path)]
    mutants = [mutant for path in paths for mutant in mutants_of(path)]
    done = set()
    if args.results and args.results.exists():
        done = {(row["module"], row["index"]) for row in map(json.loads, args.results.read_text().splitlines())}
    with tempfile.TemporaryDirectory() as name:
        reference = Reference(forms(Path(name)))
        print(f"{len(mutants)} mutants of {len(paths)} modules, {len(reference.values)} networks, "
              f"{time.process_time():.0f} s; not read: {reference.problems}", flush=True)  # fmt: skip
        counts, unread = Counter(), Counter()
        rng.shuffle(mutants)
        for mutant in mutants[: args.count]:
            if (mutant.module, mutant.index) in done:
                continue
            names = reference.reaching(mutant)
            chosen = rng.sample(names, min(args.forms, len(names)))
            verdicts = run(mutant, reference, chosen) if chosen else {}
            kinds = set(verdicts.values())
            kind = next((kind for kind in ("silent", "stated", "refused", "ended", "same") if kind in kinds), "unread")
            counts[kind] += 1
            unread[mutant.module] += kind == "unread"
            where = f"{mutant.path.relative_to(READERS)} {mutant.change}"
            if kind in ("silent", "stated"):
                print(
                    f"{kind.upper()} {where}: {[name for name in verdicts if verdicts[name] == kind][:4]}", flush=True
                )
            if args.results:
                row = {"module": mutant.module, "index": mutant.index, "change": mutant.change, "kind": kind,
                       "at_import": not mutant.function, "verdicts": verdicts}  # fmt: skip
                with args.results.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    print(
        f"{dict(counts)} in {seconds:.0f} s of processor time; not reached, by module: {dict(unread.most_common(12))}"
    )
    return 1 if counts["silent"] else 0


if __name__ == "__main__":
    sys.exit(main())
