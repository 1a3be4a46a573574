"""Print text on a console of any encoding, with replacements for characters that it lacks.

Code pages 437, 932 and 936, and ASCII, have no `–`, `µ` or `→`. Python raises an error for these; after
`replace_unencodable` it prints `-`, `u` and `->`. Bytes of file names that are not valid text are shown as `\\xNN`.
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


def replace_unencodable() -> None:
    """Replace characters that the encoding of standard output and standard error does not have."""
    codecs.register_error(HANDLER, _replacement)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=HANDLER)


def finish(code: int) -> int:
    """Flush standard output, and return the exit code of the process.

    If that fails, because the reader of a pipe has ended or a disk is full, the rest is discarded; otherwise Python
    would report the error again when it ends.

    Args:
        code: Exit code of the command.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        return discard_output_after(error, code)
    return code


def discard_output_after(error: OSError, code: int = 1) -> int:
    """Discard output that cannot be written, and return the exit code. An error other than a closed pipe is printed."""
    discard_output()
    if not isinstance(error, BrokenPipeError):
        print(f"spikelet: standard output: {error.strerror or error}", file=sys.stderr)
    return code or 1


def discard_output() -> None:
    """Discard buffered and all further output: redirect standard output to the null device."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError, AttributeError):  # standard output is not a file
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
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not valid text
        return f"\\x{code - 0xDC00:02x}"
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or character.encode("ascii", "backslashreplace").decode()


def _replacement(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(fallback, error.object[error.start : error.end])), error.end
