"""Two ways to kill a command before it has finished: at a random time, or at a random operation on files.

A time depends on the machine's clock and load. An operation does not: the command is run once and its operations on
files are counted (audit events of Python that create, rename or remove a file, fsync, the start of a compiler and the
wait for it); in the next run it is killed by SIGKILL just before the n-th of them. Between two operations only bytes are
written: RLIMIT_FSIZE with the default action of SIGXFSZ, set at the n-th operation, lets the kernel kill the process when
a file reaches a random size, in whatever library the write happens. Together these cover the states that a kill can leave
on a disk.
"""

import mmap
import os
import resource
import signal
import struct
import subprocess
import sys
import time

ENDED = (-signal.SIGKILL, -signal.SIGXFSZ)
CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
EVENTS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.link", "subprocess.Popen"}


class Moments:
    """SIGKILL after a random part of the time that the command takes."""

    def __init__(self, random):
        self.random, self.seconds = random, 0.0

    def learn(self, work, line, target=None):
        """Run a command to its end and measure its time."""
        started = time.monotonic()
        work.expect(line)
        self.seconds = time.monotonic() - started

    def run(self, work, line):
        """Return the exit code of a command that is killed."""
        return work.run(line, kill_after=self.random.uniform(0, 1.05 * self.seconds))


class Operations:
    """SIGKILL before a random operation on files, or a kill by the kernel when a write reaches a random byte.

    The operations are taken in a random order without repetition, then again from the start.
    """

    def __init__(self, random):
        self.random, self.count, self.bytes, self.left = random, 0, 0, []

    def learn(self, work, line, target=None):
        """Run a command to its end and count its operations.

        target: the largest file that it writes; None if no write is interrupted.
        """
        with mmap.mmap(-1, 8) as counted:
            work.expect(line, trouble=lambda: _watch(counted, 0))
            (self.count,) = struct.unpack("q", counted[:])
        self.bytes = target.stat().st_size if target else 0
        self.left = []

    def run(self, work, line):
        """Return the exit code of a command that is killed."""
        if not self.left:
            numbers = range(1, self.count + 1)
            self.left = [(n, None) for n in numbers]
            if self.bytes:
                self.left += [(n, self.random.randrange(self.bytes)) for n in numbers]
            self.random.shuffle(self.left)
        number, size = self.left.pop()
        with mmap.mmap(-1, 8) as counted:
            return work.run(line, trouble=lambda: _watch(counted, number, size))


def _watch(counted, number, size=None):
    """Count the operations of this process on files, and kill it at one of them.

    Args:
        counted: Shared memory for the number of operations.
        number: Number of the operation, from 1; 0 for none.
        size: None to kill the process at the operation; otherwise the kernel kills it when, after the operation, a file
            grows beyond this size in bytes.
    """

    def operation():
        (done,) = struct.unpack("q", counted[:])
        counted[:] = struct.pack("q", done + 1)
        if done + 1 == number and size is None:
            os.kill(os.getpid(), signal.SIGKILL)
        elif done + 1 == number:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    def hook(event, arguments):
        if event in EVENTS or (event == "open" and isinstance(arguments[2], int) and arguments[2] & CHANGES):
            operation()

    def first(function):
        def counting(*args, **kwargs):
            operation()
            return function(*args, **kwargs)

        return counting

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.fsync = first(os.fsync)
    subprocess.Popen.communicate = first(subprocess.Popen.communicate)
    sys.addaudithook(hook)
