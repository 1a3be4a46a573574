"""Draw plots as SVG, without dependencies.

Colours are those of Okabe and Ito, which can be distinguished with any colour vision. Every series also has its own
dash pattern or marker, so that a plot can be read in grey.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

BLACK, GREY = "#222222", "#8a8a8a"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("", "7 3", "2 3", "9 3 2 3", "5 2", "1 2")
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
WIDTH = 640


@dataclass(frozen=True)
class Axis:
    """A mapping of values to positions.

    Attributes:
        label: Label of the axis.
        low, high: Values at its ends.
        start, end: Positions of its ends, in pixels.
        log: Whether the axis is logarithmic.
        form: Formats values at the ticks.
        whole: Whether ticks are whole numbers, for values that are counts.
    """

    label: str
    low: float
    high: float
    start: float
    end: float
    log: bool = False
    form: Callable[[float], str] = lambda value: f"{value:g}"
    whole: bool = False

    def __call__(self, value: float) -> float:
        """Return the position of a value, in pixels."""
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        value = math.log10(max(value, self.low)) if self.log else value
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return the values of the ticks: decades, or multiples of 1, 2 or 5 times a power of ten."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            stride = max(1, (last - first) // 7)
            return [10.0**power for power in range(first, last + 1, stride)]
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        step = 10.0 ** math.floor(math.log10(span / 4))
        step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 9)
        if self.whole:
            step = max(step, 1.0)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(i * step, 12) for i in range(first, last + 1)]


class Canvas:
    """A collection of SVG elements; `done` returns the document. width, height: in pixels."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self._parts: list[str] = []

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 2, dash: str = "") -> None:
        """Add a line through points."""
        coordinates = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<polyline points="{coordinates}" fill="none" stroke="{colour}" stroke-width="{width:g}"{dashed} '
            'stroke-linejoin="round"/>'
        )

    def area(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """Add a filled, transparent shape."""
        coordinates = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polygon points="{coordinates}" fill="{colour}" fill-opacity="0.18"/>')

    def box(self, x: float, y: float, width: float, height: float, colour: str, hint: str = "") -> None:
        """Add a rectangle with an optional tooltip."""
        inside = f"<title>{escape(hint)}</title></rect>" if hint else "</rect>"
        self._parts.append(
            f'<rect x="{x:.2f}" y="{y:.2f}" width="{max(width, 0):.2f}" height="{height:.2f}" fill="{colour}">{inside}'
        )

    def dot(self, x: float, y: float, colour: str, hint: str = "", radius: float = 3.2, hollow: bool = False) -> None:
        """Add a marker with an optional tooltip."""
        inside = f"<title>{escape(hint)}</title></circle>" if hint else "</circle>"
        fill = "#ffffff" if hollow else colour
        self._parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{fill}" stroke="{colour}" '
            f'stroke-width="1.5">{inside}'
        )

    def text(
        self, x: float, y: float, content: str, anchor: str = "start", size: float = 12, turn: bool = False
    ) -> None:
        """Add text. anchor: "start", "middle" or "end". turn: whether the text runs upwards."""
        turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}" fill="{BLACK}"{turned}>'
            f"{escape(content)}</text>"
        )

    def done(self) -> str:
        """Return the document, which is valid as a file and inside a page."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'width="{self.width:g}" height="{self.height:g}" role="img" font-family="{escape(FONT)}">'
            f"<title>{escape(self.title)}</title>"
            f'<rect width="{self.width:g}" height="{self.height:g}" fill="#ffffff"/>' + "".join(self._parts) + "</svg>"
        )


def draw_x(canvas: Canvas, axis: Axis, top: float, bottom: float) -> None:
    """Draw a horizontal axis at `bottom`, with a grid up to `top`."""
    for value in axis.ticks():
        x = axis(value)
        canvas.line([(x, top), (x, bottom)], "#e3e3e3", 1)
        canvas.text(x, bottom + 16, axis.form(value), "middle", 11)
    canvas.line([(axis.start, bottom), (axis.end, bottom)], GREY, 1)
    canvas.text((axis.start + axis.end) / 2, bottom + 34, axis.label, "middle")


def draw_y(canvas: Canvas, axis: Axis, left: float, right: float) -> None:
    """Draw a vertical axis at `left`, with a grid up to `right`."""
    for value in axis.ticks():
        y = axis(value)
        canvas.line([(left, y), (right, y)], "#e3e3e3", 1)
        canvas.text(left - 7, y + 4, axis.form(value), "end", 11)
    canvas.line([(left, axis.start), (left, axis.end)], GREY, 1)
    canvas.text(left - 46, (axis.start + axis.end) / 2, axis.label, "middle", turn=True)


def span(values: Sequence[float], margin: float = 0.08) -> tuple[float, float]:
    """Return the limits of an axis with a margin around the values."""
    low, high = min(values), max(values)
    padding = (high - low) * margin or abs(high) * margin or 1.0
    return low - padding, high + padding
