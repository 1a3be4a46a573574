"""Print text on a console of any encoding: characters that it does not have are replaced.

A console of code page 437, 932 or 936, or of ASCII, has no `–`, `µ` or `→`. Python then ends with an error; with
`tolerate` it prints `-`, `u` and `->`. Bytes of file names that are no text are shown as `\\xNN`.
"""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata

HANDLER = "spikelet.console"
FALLBACKS = {
    "…": "...", "·": ".", "–": "-", "—": "-", "−": "-", "×": "x", "µ": "u", "μ": "u", "²": "^2", "³": "^3", "±": "+-",
    "θ": "theta", "λ": "lambda", "σ": "sigma", "→": "->", "←": "<-", "∞": "inf", "≥": ">=", "≤": "<=", "≈": "~",
    "✓": "ok", "✗": "x", "▾": "v", "▴": "^", "▲": "^", "■": "#", "█": "#", "°": "deg", "“": '"', "”": '"', "‘": "'",
    "’": "'", "\u00a0": " ",
}  # fmt: skip


def tolerate() -> None:
    """Replace characters that the encoding of standard output and standard error does not have."""
    codecs.register_error(HANDLER, _replacement)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=HANDLER)


def finish(code: int) -> int:
    """Write what standard output still buffers, and return the exit code of the process.

    If that fails, because the reader of a pipe has ended or a disk is full, the rest is discarded. Python would report
    it a second time when it ends.

    Args:
        code: Exit code of the command.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        return lost(error, code)
    return code


def lost(error: OSError, code: int = 1) -> int:
    """Discard output that cannot be written, print why unless its reader has ended, and return the exit code."""
    discard()
    if not isinstance(error, BrokenPipeError):
        print(f"spikelet: standard output: {error.strerror or error}", file=sys.stderr)
    return code or 1


def discard() -> None:
    """Send all further output, and what is buffered, nowhere."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError, AttributeError):  # standard output is no file
        return


def fallback(character: str) -> str:
    """Return ASCII text for a character: its fallback, its letter without accents, or its escape.

    Examples:
        >>> [fallback(character) for character in "→é猫"]
        ['->', 'e', '\\\\u732b']
    """
    if character in FALLBACKS:
        return FALLBACKS[character]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no text, in the name of a file
        return f"\\x{code - 0xDC00:02x}"
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or character.encode("ascii", "backslashreplace").decode()


def _replacement(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(fallback, error.object[error.start : error.end])), error.end
