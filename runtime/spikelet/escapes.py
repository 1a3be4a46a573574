"""Escape texts for a terminal, JSON, Markdown, a spreadsheet and a shell, whatever the names of files contain."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from html import unescape
from pathlib import Path

# Control characters, line and paragraph separators, and controls of the direction of text.
CONTROLS = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
_CONTROL = re.compile(f"[{CONTROLS}]")
UNPRINTABLE = re.compile(f"[{CONTROLS}\ud800-\udfff]")  # surrogates are not valid text
# Characters that Markdown interprets; _ within a word, as in `a_b`, is not. A word can become the first one of a line.
_MARKUP = re.compile(r"[\\`*\[\]<>|~$&]|(?<![^\W_])_|_(?![^\W_])|(?<!\S)[-+#=]|(?<=\d)[.)](?=\s|$)|(?<=www)\.|:(?=//)")
_ENTITIES = {"<": "&lt;", "&": "&amp;"}
# What `markdown` writes for one character.
ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])|&(lt|amp);")
_FORMULA = ("=", "+", "-", "@")  # a spreadsheet computes a cell that begins with one of them
SURROGATE = re.compile("[\ud800-\udfff]")
_BYTE = re.compile("[\udc80-\udcff]")  # a byte in the name of a file that is not valid text


def printable(text: str, allowed: str = "") -> str:
    """Return a text with an escape for each character that controls a terminal or is not valid text, such as `\\x1b`.

    Names of files and folders can contain such characters, and bytes that are no text in UTF-8, which Python represents
    by surrogates. The result can be encoded, and is a valid name in a bundle.

    Args:
        text: Any text.
        allowed: Characters that stay, such as newline.

    Examples:
        >>> printable("a\\nb\\x1b[31m")
        'a\\\\nb\\\\x1b[31m'
        >>> printable("caf\\udce9.png")
        'caf\\\\xe9.png'
    """
    return UNPRINTABLE.sub(lambda match: match[0] if match[0] in allowed else _escape(match[0]), text)


def encodable(value: object) -> object:
    """Return a JSON value in whose texts bytes that are not valid text are escaped, as by `printable`.

    JSON has no form for them, and strict readers refuse single surrogates.

    Examples:
        >>> encodable({"file": "caf\\udce9.png", "images": [1, 2]})
        {'file': 'caf\\\\xe9.png', 'images': [1, 2]}
    """
    if isinstance(value, str):
        return SURROGATE.sub(lambda match: _escape(match[0]), value)
    if isinstance(value, Mapping):
        return {encodable(key): encodable(item) for key, item in value.items()}
    return [encodable(item) for item in value] if isinstance(value, list | tuple) else value


def _escape(character: str) -> str:
    return f"\\x{ord(character) - 0xDC00:02x}" if _BYTE.match(character) else repr(character)[1:-1]


def markdown(text: str) -> str:
    """Return a text for one line or table cell of Markdown, in which it is neither markup, HTML nor a link.

    `<` and `&` become entities, which every dialect of Markdown reads; other special characters get a backslash.

    Examples:
        >>> print(markdown("<b>a_b</b> [c](d) | *"))
        &lt;b\\>a_b&lt;/b\\> \\[c\\](d) \\| \\*
    """
    return _MARKUP.sub(lambda match: _ENTITIES.get(match[0], f"\\{match[0]}"), printable(text))


def without_escapes(text: str) -> str:
    """Return Markdown as a terminal shows it: each character that `markdown` escaped is itself again.

    Examples:
        >>> print(without_escapes(markdown("<b>a_b</b> -o [c](d) | *")))
        <b>a_b</b> -o [c](d) | *
    """
    return ESCAPED.sub(lambda match: match[1] or unescape(match[0]), text)


def table_cell(value: object) -> object:
    """Return a cell of an exported table: a text that a spreadsheet would compute as a formula begins with `'`.

    Numbers, and texts that are numbers, are unchanged.

    Examples:
        >>> table_cell("=1+1"), table_cell("-0.5"), table_cell(-0.5)
        ("'=1+1", '-0.5', -0.5)
    """
    if not isinstance(value, str) or not value.lstrip().startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def shell_line(arguments: Iterable[str]) -> str:
    """Return a command in one line that a shell such as Bash reads.

    Control characters are escaped, and so are bytes that are not valid text, which Python represents by surrogates.

    Examples:
        >>> shell_line(["spikelet", "run", "my file", "a\\nb"])
        "spikelet run 'my file' $'a\\\\u000ab'"
    """
    return " ".join(map(_quoted, arguments))


def without_folders(arguments: Iterable[str]) -> list[str]:
    """Return the arguments of a command without absolute paths, for files that are passed on to others.

    Absolute paths name the folders of the author. They become relative to the working folder or, outside it, their last
    part.

    Examples:
        >>> without_folders(["convert", "/home/ann/net.pt", "--data=/home/ann/images", "-o", "a.snnb"])
        ['convert', 'net.pt', '--data=images', '-o', 'a.snnb']
    """
    return [_without_folders(argument) for argument in arguments]


def _without_folders(argument: str) -> str:
    option, equals, value = argument.rpartition("=") if argument.startswith("--") else ("", "", argument)
    path = Path(value)
    if not path.is_absolute() or not path.name:
        return argument
    try:
        folder = Path.cwd()
    except OSError:  # it was removed
        folder = path.parent
    return option + equals + str(path.relative_to(folder) if path.is_relative_to(folder) else path.name)


def _quoted(argument: str) -> str:
    if argument == printable(argument) and not _BYTE.search(argument):
        return shlex.quote(argument)
    escaped = _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", re.sub(r"([\\'])", r"\\\1", argument))
    return "$'" + _BYTE.sub(lambda match: f"\\x{ord(match[0]) - 0xDC00:02x}", escaped) + "'"
