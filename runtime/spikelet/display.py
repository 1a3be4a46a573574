"""Short texts for people: `repr` and HTML for notebooks, numbers, and names that fit into a given width."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape

LISTED_NAMES = 6  # names in a line
HUGE = 1e15  # from here on, numbers have an exponent


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
