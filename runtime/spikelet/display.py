"""Short texts for interactive sessions: `repr`, HTML for notebooks, and text without terminal control characters."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape, unescape
from pathlib import Path

LISTED_NAMES = 6  # names in a line
HUGE = 1e15  # from here on, numbers have an exponent
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


def line(kind: str, title: str, facts: Mapping[str, object]) -> str:
    """Return one line, `<kind title: key value, …>`, without the line breaks of any text."""
    parts = ", ".join(f"{key} {value}".strip() for key, value in facts.items())
    return " ".join(f"<{kind}{f' {title}' if title else ''}: {parts}>".split())


def html(title: str, facts: Mapping[str, object]) -> str:
    """Return a table of facts for a notebook; every text is escaped."""
    rows = "".join(f"<tr><th>{escape(key)}</th><td>{escape(str(value))}</td></tr>" for key, value in facts.items())
    return f"<table><caption>{escape(title)}</caption>{rows}</table>"


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape such as 3×32×32."""
    return "×".join(map(str, shape))


def number_of(count: int, noun: str) -> str:
    """Return a count with its noun in the singular or plural.

    Examples:
        >>> number_of(1, "image"), number_of(1234, "image")
        ('1 image', '1,234 images')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def significant(value: float, digits: int = 3, zeros: bool = True) -> str:
    """Return a number with so many significant digits, or as an integer if it has more digits before the point.

    From 10^15 on it has an exponent.

    Args:
        value: The number.
        digits: Number of digits.
        zeros: Whether zeros at the end are kept, as in a measured value.

    Examples:
        >>> significant(0.12345), significant(2), significant(999.7), significant(12345.6)
        ('0.123', '2.00', '1,000', '12,346')
        >>> significant(2, zeros=False)
        '2'
    """
    rounded = float(f"{value:.{digits}g}")
    if 10**digits <= abs(rounded) < HUGE:
        return f"{value:z,.0f}"
    return f"{rounded:z#,.{digits}g}".rstrip(".") if zeros and rounded else f"{rounded:z,.{digits}g}"


def compact(value: float, digits: int = 3, zeros: bool = True) -> str:
    """Return a number with so many significant digits and, from 1,000 on, an SI prefix; from 10^15 on, an exponent.

    Args:
        value: The number.
        digits: Number of digits.
        zeros: Whether zeros at the end are kept before a prefix, as in a measured value.

    Examples:
        >>> compact(1_234_000), compact(999_700), compact(12.345), compact(12)
        ('1.23 M', '1.00 M', '12.3', '12')
        >>> compact(1_200_000, zeros=False)
        '1.2 M'
    """
    rounded = float(f"{value:.{digits}g}")
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if factor <= abs(rounded) < HUGE:
            return f"{significant(rounded / factor, digits, zeros)} {prefix}"
    return significant(rounded, digits, zeros=False)


def shared_ends(names: Iterable[str]) -> tuple[int, int]:
    """Return with how many letters all names begin, and with how many others they end; (0, 0) for a single name.

    Examples:
        >>> shared_ends(["stages.1.act", "stages.2.act"])
        (7, 4)
    """
    distinct = set(names)
    if len(distinct) < 2:
        return 0, 0
    first = _common(distinct)
    return first, _common([name[first:][::-1] for name in distinct])


def _common(texts: Collection[str]) -> int:
    """Return with how many letters all texts begin: those that the first and the last in alphabetical order share."""
    least, most = min(texts), max(texts)
    differing = (k for k, (a, b) in enumerate(zip(least, most, strict=False)) if a != b)
    return next(differing, min(len(least), len(most)))


def shorten(name: str, most: int, ends: tuple[int, int] = (0, 0)) -> str:
    """Return a name in at most so many characters, of at least 3.

    What is left out of a longer one is replaced by …: its middle, or what it shares with other names.

    Args:
        name: The name.
        most: Number of characters.
        ends: Numbers of letters that other names share, from `shared_ends`.

    Examples:
        >>> shorten("backbone.act", 8)
        'back…act'
        >>> [shorten(name, 9, (7, 4)) for name in ("stages.1.act", "stages.2.act")]
        ['…es.1.ac…', '…es.2.ac…']
    """
    if len(name) <= most:
        return name
    start, end = ends[0], len(name) - ends[1]
    spare = most - 2 - (end - start)
    if spare < 0:
        return f"{name[: most // 2]}…{name[len(name) - (most - 1 - most // 2) :]}"
    after = min(len(name) - end, spare - min(start, spare // 2))
    start, end = start - min(start, spare - after), end + after
    return f"{'…' if start else ''}{name[start:end]}{'…' if end < len(name) else ''}"


def shortened(names: Sequence[str], most: int) -> list[str]:
    """Return names in at most so many characters, by which they can be told apart; see `shorten`."""
    ends = shared_ends(name for name in names if len(name) > most)
    return [shorten(name, most, ends) for name in names]


def several(names: tuple[str, ...]) -> str:
    """Return names in a line; of many, the first ones and their number."""
    if len(names) <= LISTED_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[:LISTED_NAMES])}, … ({len(names)})"
