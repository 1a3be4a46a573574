"""Colours, fonts and spacing, light and dark.

Colours are safe for colour-blind users: order is shown by lightness, categories by hue and shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication

FAMILIES = ("Inter", "Segoe UI", ".AppleSystemUIFont", "Cantarell", "Noto Sans", "Ubuntu", "DejaVu Sans")
GAP = 12  # pixels between cards
DPI = 96  # dots per inch for which lengths are written


@dataclass(frozen=True)
class Theme:
    """A set of colours.

    Attributes:
        name: Dark or light.
        window: Background of the window.
        card: Background of cards.
        raised: Background of controls.
        line: Borders.
        text: Text.
        muted: Secondary text.
        accent: Focus and primary controls.
        on_accent: Text on `accent`.
        good: Success.
        bad: Failure.
        warn: Warning.
        over: Over-firing, and the second of two networks.
        under: Under-firing, and the first of two networks.
        ramp: Colours of values from 0 to the maximum, with increasing contrast.
        series: Colours of curves: the hues of Okabe and Ito, adapted to the background.
    """

    name: str
    window: str
    card: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    good: str
    bad: str
    warn: str
    over: str
    under: str
    ramp: tuple[str, ...]
    series: tuple[str, ...]


DARK = Theme(
    name="dark",
    window="#12151a",
    card="#1a1e25",
    raised="#242a33",
    line="#2d343f",
    text="#e8ebf0",
    muted="#98a3b3",
    accent="#62aef0",
    on_accent="#0b1620",
    good="#4fc39a",
    bad="#ff8a73",
    warn="#f0bd4f",
    over="#f2a340",
    under="#62aef0",
    ramp=("#1f252e", "#263d5c", "#2f6285", "#4b8f93", "#93b573", "#ffd166"),
    series=("#62aef0", "#f2a340", "#4fc39a", "#e58fc0", "#f0e06a", "#ff8a73", "#a9b4ff", "#98a3b3"),
)
LIGHT = Theme(
    name="light",
    window="#f3f5f8",
    card="#ffffff",
    raised="#edf0f4",
    line="#dde2e9",
    text="#1a2029",
    muted="#5b6676",
    accent="#0a66b7",
    on_accent="#ffffff",
    good="#0b7a56",
    bad="#b83a1f",
    warn="#9a6700",
    over="#c65d00",
    under="#0a66b7",
    ramp=("#f0f3f7", "#cfe0ee", "#93bfdf", "#4b93c7", "#1a62a5", "#0a2f66"),
    series=("#0a66b7", "#c65d00", "#0b7a56", "#a83279", "#a08a3c", "#b83a1f", "#5257c9", "#5b6676"),
)
THEMES = {"dark": DARK, "light": LIGHT}
_chosen = [DARK]


def theme() -> Theme:
    """Return the current theme."""
    return _chosen[0]


def choose(chosen: Theme) -> None:
    """Set the current theme, for widgets that are built afterwards; `style.apply` also sets that of the application."""
    _chosen[0] = chosen


def resolve(name: str) -> Theme:
    """Return a theme by name; "system" is the theme of the desktop."""
    if name in THEMES:
        return THEMES[name]
    dark = QGuiApplication.styleHints().colorScheme() != Qt.ColorScheme.Light
    return DARK if dark else LIGHT


def disabled_colour() -> str:
    """Return the colour of controls that cannot be used."""
    return mixed(theme().muted, theme().card, 0.45)


def font(size: float = 10.0, bold: bool = False) -> QFont:
    """Return the font of the window, the first of FAMILIES that is installed."""
    result = QFont()
    result.setFamilies(list(_families()) or [result.family()])
    result.setPointSizeF(size)
    result.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    result.setFeature(QFont.Tag("tnum"), 1)  # digits of equal width: numbers that change do not move
    return result


def length(pixels: float) -> int:
    """Return a length that fits text, in whole pixels.

    Sizes of fonts are in points, so that text needs more pixels where the system has larger fonts.

    Args:
        pixels: The length at 96 dots per inch.
    """
    return round(pixels * text_scale())


def text_scale() -> float:
    """Return the size of text relative to that at 96 dots per inch."""
    screen = QGuiApplication.primaryScreen()
    return 1.0 if screen is None else screen.logicalDotsPerInchY() / DPI


@cache
def _families() -> tuple[str, ...]:
    installed = set(QFontDatabase.families())
    return tuple(name for name in FAMILIES if name in installed)


def colour(value: str, alpha: int = 255) -> QColor:
    """Return a colour with an opacity, 0…255."""
    result = QColor(value)
    result.setAlpha(alpha)
    return result


def mixed(first: str, second: str, share: float) -> str:
    """Mix two colours; `share` is the share of the second."""
    a, b = QColor(first), QColor(second)
    parts = [round(x + (y - x) * share) for x, y in zip(a.getRgb()[:3], b.getRgb()[:3], strict=True)]  # type: ignore[index]
    return "#{:02x}{:02x}{:02x}".format(*parts)


def ramp() -> npt.NDArray[np.uint8]:
    """Interpolate `Theme.ramp`: (256, 4) RGBA from 0 to the maximum."""
    stops = np.array([QColor(value).getRgb() for value in theme().ramp], np.float64)
    positions = np.linspace(0, len(stops) - 1, 256)
    return np.stack([np.interp(positions, np.arange(len(stops)), stops[:, i]) for i in range(4)], axis=1).astype(
        np.uint8
    )


def heat(share: float) -> str:
    """Return the colour of the ramp at `share`, 0…1."""
    red, green, blue, _ = ramp()[round(min(max(share, 0.0), 1.0) * 255)]
    return f"#{red:02x}{green:02x}{blue:02x}"


def readable_on(background: str) -> str:
    """Return black or white, whichever contrasts more with the background."""
    value = QColor(background)
    bright = 0.299 * value.red() + 0.587 * value.green() + 0.114 * value.blue() > 140
    return "#10151c" if bright else "#ffffff"
