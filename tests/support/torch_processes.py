"""Processes that have loaded torch: forked from one process that loads it once, which takes two seconds.

They are separate from the process of the tests: other memory, modules, hash seed and audit hooks. The process that they are
forked from is started by the first call, of one worker.
"""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

from spikelet import onnx_runtime

PRELOADED = ["torch", "distributed", "spikelet_converters.study.perform"]


def context():
    """Return a multiprocessing context whose processes are forked from one that has loaded `PRELOADED`."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(PRELOADED)
    return server


def run(code, *arguments, cwd, environment=None):
    """Run code as `python -c CODE ARGUMENTS` does, and return the finished process with its output as text."""
    environment, arguments = dict(environment or os.environ), list(map(str, arguments))
    if os.name != "posix":
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    paths = [Path(cwd, f".{name}") for name in ("stdout", "stderr")]
    for path in paths:
        path.touch()
    process = context().Process(target=_execute, args=(code, arguments, str(cwd), environment, paths))
    process.start()
    process.join()
    texts = [path.read_text("utf-8") for path in paths]
    for path in paths:
        path.unlink()
    return subprocess.CompletedProcess([code, *arguments], process.exitcode, *texts)


def _execute(code, arguments, folder, environment, paths):
    for descriptor, path in enumerate(paths, 1):
        file = os.open(path, os.O_WRONLY)
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["-c", *arguments]
    onnx_runtime.default_threads = lambda: 1  # as in the process of the tests
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
