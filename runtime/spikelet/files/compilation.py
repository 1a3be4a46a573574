"""Run a compiler that writes a file."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from spikelet.errors import EngineError

SECONDS = 600  # time limit of a compilation
MESSAGE_LINES = 12  # lines of the compiler's message in an error


def split_command(name: str, text: str) -> list[str]:
    """Split a command or flags that the user states, as a shell does.

    Args:
        name: What states it, such as the environment variable CC.
        text: The command.

    Raises:
        EngineError: A quotation mark is not closed, or nothing follows a backslash.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise EngineError.at(name, f"expected a command with its flags, found {text!r} ({error})") from None


def compile_file(command: Sequence[str], output: Path) -> str:
    """Run a compiler and check that it writes a file.

    Args:
        command: The command line, which names the output.
        output: The file that the compiler writes.

    Returns:
        "" on success; otherwise the problem: the command and the first lines of the compiler's message.
    """
    try:
        completed = subprocess.run(
            command, capture_output=True, encoding="locale", errors="replace", timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]} did not run ({error})"
    if completed.returncode == 0 and output.is_file():
        return ""
    nothing = f"exit code {completed.returncode}, no message and no output file"
    lines = (completed.stderr.strip() or nothing).splitlines()
    omitted = [f"… and {len(lines) - MESSAGE_LINES} more lines"] if len(lines) > MESSAGE_LINES else []
    message = "; ".join(line.strip() for line in lines[:MESSAGE_LINES] + omitted)
    return f"the compiler failed: {shlex.join(command)}; {message}"
