"""Kill commands and check the remaining files: `python tests/stress/faults.py --kills 200 --operations 100`.

Each command runs in a separate process (forked, so that torch is loaded once) and is killed after a random part of its
running time (--kills), or at a random operation on files (--operations; see `endings`). Its output must then be the complete
old or new file; a resumed training run must end with the weights of an undisturbed one; the native engine must give correct
results with the remaining cache. The script prints one JSON object, and exits with 1 if a check fails.
"""

import argparse
import csv
import gc
import importlib
import io
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads do not exist in forked processes
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault(
    "ORT_DISABLE_TELEMETRY", "1"
)  # its threads read network settings, which fails under a limit of memory

import numpy as np
import onnxruntime  # noqa: F401
import torch

from fault_injection.endings import ENDED, Moments, Operations
from fault_injection.limits import TRAIN, disks, memory
from spikelet import cli, onnx_runtime, signing
from spikelet.bundle import read
from spikelet.data import ImageSet, arrays
from spikelet.errors import SpikeletError
from spikelet_converters.training import loop as training  # noqa: F401  # loaded before the first fork
from spikelet_converters.training.checkpoint import load_checkpoint

IMAGES = 32  # two batches an epoch
LOADED_BY_COMMANDS = (  # in the parent they are loaded once, in the children they would be for each command
    *("spikelet.deploy.deployment", "spikelet.engines.native.engine", "spikelet.engines.onnx"),
    *("spikelet.lowering.c.project", "spikelet.report.document", "spikelet.shipped", "spikelet_assets"),
    *("spikelet_converters.cli.training_view", "spikelet_converters.conversion.checkpoint"),
    *("spikelet_converters.exports.onnx", "spikelet_converters.frontends.open", "spikelet_converters.maxima"),
    *("spikelet_converters.training.facts", "spikelet_converters.training.memory"),
    *("spikelet_converters.training.phases", "numpy.ma", "torch.utils.serialization", "nir"),
    "cryptography.hazmat.primitives.serialization",
)
SHARE = {"convert": 0.3, "train": 0.25, "report": 0.15, "export": 0.1, "compile": 0.1, "sign": 0.05, "robustness": 0.05}


class Campaign:
    """Commands in one folder. found: numbers of outcomes by command. wrong: failures."""

    def __init__(self, folder, seed):
        self.folder, self.random = Path(folder), random.Random(seed)
        self.outcomes, self.wrong = {}, []
        self.ending = Moments(self.random)
        os.chdir(folder)
        os.environ["SPIKELET_CACHE"] = str(self.folder / "cache")
        torch.set_num_threads(1)
        onnx_runtime.default_threads = lambda: 1  # its threads wait actively
        rng = np.random.default_rng(0)
        labels = rng.integers(0, 3, IMAGES)
        images = rng.integers(0, 100, (IMAGES, 3, 8, 8))
        images[np.arange(IMAGES), labels] += 120
        arrays.write(self.folder / "x.npz", ImageSet(images.astype(np.uint8), labels, tuple("abc"), "x"))
        cli.build_parser()  # modules that are loaded here need not be loaded by every child
        signing.new_key()
        gc.freeze()  # nor traversed by garbage collection, which would copy their memory
        assert self.run(f"{TRAIN} whole") == 0
        assert self.run("convert whole/best.pt -o good.snnb --data x.npz") == 0
        assert self.run("verify good.snnb --engine native") == 0  # its library is in the cache from here on
        assert self.run("keygen key") == 0

    def run(self, line, kill_after=None, trouble=lambda: None):
        """Return the exit code of a command, negative if a signal ended it. trouble: called in the process first."""
        child = os.fork()
        if child == 0:
            code = 99
            # Python 3.11 keeps a file of bytecode that was cut by a limit, and every later import of the module fails
            sys.dont_write_bytecode = True
            try:
                # the log has errors only: a limit of file sizes applies to it too
                with open("log", "w") as log, open(os.devnull, "w") as nowhere:
                    os.dup2(nowhere.fileno(), 1)
                    os.dup2(log.fileno(), 2)
                trouble()
                code = cli.main(line.split())
                sys.stdout.flush()
            except SystemExit as stop:
                code = stop.code
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
            finally:  # also where there is no memory to print: at the end of a forked process, ONNX Runtime waits for threads
                os._exit(code)
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def expect(self, line, trouble=lambda: None):
        """Run a command that must succeed."""
        code = self.run(line, trouble=trouble)
        assert code == 0, (line, code, Path("log").read_text())

    def killed(self, line):
        """Run a command and kill it; return whether it was killed before it had finished."""
        return self.ending.run(self, line) in ENDED

    def note(self, command, outcome):
        self.outcomes.setdefault(command, {}).setdefault(outcome, 0)
        self.outcomes[command][outcome] += 1

    def replaced(self, command, line, target, count, same=True):
        """Check a command that replaces a file. same: whether it writes the same bytes in every run."""
        self.ending.learn(self, line, target)
        new = target.read_bytes()
        for _ in range(count):
            old = self.random.choice([b"what was here before", None])
            if old is None:
                target.unlink(missing_ok=True)
            else:
                target.write_bytes(old)
            killed = self.killed(line)
            now = target.read_bytes() if target.exists() else None
            whole = now == new if same else now is not None and _is_whole(now)
            if not whole and (now != old or not killed):
                self.wrong.append(f"{command}: {target} is neither the old file nor the new one")
            self.note(command, "new file" if whole else "old file")
        # files of killed commands do not affect the next one
        if self.run(line) != 0:
            self.wrong.append(f"{command}: fails after it was killed: {Path('log').read_text()}")
        left = list(target.parent.glob(f".{target.name}.*.part"))
        self.outcomes[command]["temporary files left"] = len(left)
        for path in left:
            path.unlink()

    def export(self, count):
        """Check a command that writes several files: each must be the old one or the new one."""
        line = "export c good.snnb c"
        self.ending.learn(self, line, Path("c/model.c"))
        new = {path: path.read_bytes() for path in Path("c").rglob("*") if path.is_file()}
        for _ in range(count):
            for path in new:
                path.write_bytes(b"what was here before")
            self.killed(line)
            now = {path: path.read_bytes() for path in new}
            changed = sum(now[path] == new[path] for path in new)
            if any(now[path] not in (new[path], b"what was here before") for path in new):
                self.wrong.append("export: a file is neither the old one nor the new one")
            self.note("export", "new files" if changed == len(new) else "old files" if changed == 0 else "some of each")

    def train(self, count):
        """Kill a training run repeatedly, resume it each time, and compare the result with that of an undisturbed run."""
        timed = self.folder / f"{type(self.ending).__name__}-timed"
        self.ending.learn(self, f"{TRAIN} {timed}", timed / "last.pt")
        runs = kills = 0
        while kills < count:
            runs += 1
            out, code = timed.with_name(f"{timed.name}-{runs}"), None
            while code != 0:
                line = f"{TRAIN} {out}" + (" --resume" if (out / "last.pt").exists() else "")
                if kills < count and self.random.random() < 0.8:
                    kills += 1
                    code = self.ending.run(self, line)
                else:
                    code = self.run(line)
                if code not in (0, *ENDED):
                    self.wrong.append(f"train: {line}: {code}: {Path('log').read_text()}")
                    return
                for name in ("last.pt", "best.pt"):
                    if (out / name).exists():
                        load_checkpoint(out / name)  # raises if the file is incomplete
                self.note("train", "killed" if code else "went through")
            self.compare(out)
        self.outcomes["train"]["runs compared bit for bit"] = runs
        # killed between the last checkpoint and its log
        (timed / "log.csv").unlink()
        self.run(f"{TRAIN} {timed} --resume")
        self.compare(timed)

    def compare(self, out):
        """Compare a finished run with the undisturbed one."""
        for name in ("best.pt", "last.pt"):
            mine, theirs = load_checkpoint(out / name), load_checkpoint(Path("whole") / name)
            for key, value in theirs.weights.items():
                if not torch.equal(mine.weights[key], value):
                    self.wrong.append(f"train: {out}/{name}: {key} differs from an undisturbed run's")
        if _log(out) != _log(Path("whole")):
            self.wrong.append(f"train: {out}/log.csv differs from an undisturbed run's")

    def compile(self, count):
        """Kill the caller of the compiler; the engine must give correct results with the remaining cache."""
        line = "compile good.snnb"
        # a separate cache for each way to end, without libraries of earlier runs
        os.environ["SPIKELET_CACHE"] = str(self.folder / f"learn-{type(self.ending).__name__}")
        self.ending.learn(self, line)
        for index in range(count):
            os.environ["SPIKELET_CACHE"] = str(self.folder / f"cache-{type(self.ending).__name__}-{index // 5}")
            for path in Path(os.environ["SPIKELET_CACHE"]).rglob("*"):
                if index % 2 and path.is_file():  # a truncated library
                    path.write_bytes(path.read_bytes()[: self.random.randrange(1000)])
            self.note("compile", "killed" if self.killed(line) else "went through")
            if self.run("verify good.snnb --engine native") != 0:
                self.wrong.append(f"compile: the engine fails on what was left: {Path('log').read_text()}")


def _is_whole(content):
    return content.startswith(b"<!doctype html>") and content.endswith(b"</html>\n")


def _log(out):
    rows = list(csv.DictReader(io.StringIO((out / "log.csv").read_text())))
    return [{key: value for key, value in row.items() if not key.endswith("seconds")} for row in rows]


def campaign(work, ending, kills):
    """Run every command repeatedly and kill it in one of the two ways."""
    work.ending = ending
    runs = {command: max(1, round(share * kills)) for command, share in SHARE.items()}
    commands = cli.build_parser()._subparsers._group_actions[0].choices
    work.replaced("convert", "convert whole/best.pt -o out.snnb --data x.npz", Path("out.snnb"), runs["convert"])
    read(Path("out.snnb"))
    line = "report good.snnb x.npz --steps 2 --engine numpy --no-latency --profile cmos45-int8 -o out.html"
    work.replaced("report", line, Path("out.html"), runs["report"], same=False)
    work.replaced("sign", "sign good.snnb --key key.key", Path("good.snnb.sig"), runs["sign"])
    line = "robustness good.snnb x.npz --count 8 --steps 2 --seeds 0 --faults dropped -o out.json"
    work.replaced("robustness", line, Path("out.json"), runs["robustness"])
    if "export" in commands:
        work.export(runs["export"])
    if "compile" in commands:
        try:
            work.compile(runs["compile"])
        except (SpikeletError, AssertionError) as error:  # without a compiler
            work.outcomes["compile"] = {"left out": str(error)[:200]}
    work.train(runs["train"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="at random moments")
    parser.add_argument("--operations", type=int, default=100, help="kills at operations on files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limits", action="store_true", help="full disks and closed folders as well")
    # the allocator decides where a command ends: not for tests that run everywhere
    parser.add_argument("--memory", action="store_true", help="too little memory as well")
    args = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        work = Campaign(folder, args.seed)
        if args.memory:
            memory(work)
        for name in LOADED_BY_COMMANDS:
            importlib.import_module(name)
        gc.freeze()
        if args.limits:
            disks(work)
        for ending, count in ((Moments, args.kills), (Operations, args.operations)):
            if count:
                campaign(work, ending(work.random), count)
        os.chdir("/")
    facts = {"outcomes": work.outcomes, "wrong": work.wrong, "seconds": round(time.monotonic() - started)}
    print(json.dumps(facts, indent=1))
    return 1 if work.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
