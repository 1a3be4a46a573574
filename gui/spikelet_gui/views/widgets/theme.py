"""Colours, fonts and spacing, light and dark.

Colours are safe for colour-blind users: order is shown by lightness, categories by hue and shape.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

FAMILIES = ("Inter", "Segoe UI", ".AppleSystemUIFont", "Cantarell", "Noto Sans", "Ubuntu", "DejaVu Sans")
GAP = 12  # pixels between cards


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
_applied: list[Theme] = []  # the theme of the application's style sheet


def theme() -> Theme:
    """Return the current theme."""
    return _chosen[0]


def resolve(name: str) -> Theme:
    """Return a theme by name; "system" is the theme of the desktop."""
    if name in THEMES:
        return THEMES[name]
    dark = QGuiApplication.styleHints().colorScheme() != Qt.ColorScheme.Light
    return DARK if dark else LIGHT


def disabled() -> str:
    """Return the colour of controls that cannot be used."""
    return mixed(theme().muted, theme().card, 0.45)


def apply(app: QApplication, chosen: Theme) -> None:
    """Set the theme. Existing widgets must be rebuilt. The style sheet is set only if the theme changes."""
    _chosen[0] = chosen
    if _applied == [chosen]:
        return
    if not _applied:
        app.setStyle("Fusion")
    _applied[:] = [chosen]
    app.setFont(font())
    palette = QPalette()
    role = QPalette.ColorRole
    for roles, value in (
        ((role.Window, role.AlternateBase), chosen.window),
        ((role.Base, role.ToolTipBase), chosen.card),
        ((role.Button, role.Midlight), chosen.raised),
        ((role.WindowText, role.Text, role.ButtonText, role.ToolTipText, role.BrightText), chosen.text),
        ((role.PlaceholderText,), chosen.muted),
        ((role.Highlight, role.Link, role.Accent), chosen.accent),
        ((role.HighlightedText,), chosen.on_accent),
        ((role.Mid, role.Dark, role.Light, role.Shadow), chosen.line),
    ):
        for item in roles:
            palette.setColor(item, QColor(value))
    for item in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, item, QColor(disabled()))
    app.setPalette(palette)
    app.setStyleSheet(_sheet(chosen))
    pg.setConfigOptions(background=None, foreground=chosen.muted, antialias=True, imageAxisOrder="row-major")


def font(size: float = 10.0, bold: bool = False) -> QFont:
    """Return the font of the window, the first of FAMILIES that is installed."""
    result = QFont()
    result.setFamilies(list(_families()) or [result.family()])
    result.setPointSizeF(size)
    result.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    result.setFeature(QFont.Tag("tnum"), 1)  # digits of equal width: numbers that change do not move
    return result


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


def _sheet(chosen: Theme) -> str:
    values = {
        field.name: getattr(chosen, field.name) for field in fields(Theme) if field.name not in ("ramp", "series")
    }
    values["disabled"] = disabled()
    values["hover"] = mixed(chosen.raised, chosen.text, 0.08)
    values["soft"] = mixed(chosen.card, chosen.accent, 0.16)
    sheet = SHEET
    for name, value in values.items():
        sheet = sheet.replace(f"@{name};", f"{value};").replace(f"@{name} ", f"{value} ")
    return sheet


SHEET = """
QMainWindow, QDialog { background: @window; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QWidget { color: @text; }
QToolTip { background: @raised; color: @text; border: 1px solid @line; padding: 5px; }
#readout { background: @raised; color: @text; border: 1px solid @muted; border-radius: 6px; padding: 5px 8px;
  font-size: 9pt; }
#card { background: @card; border: 1px solid @line; border-radius: 10px; }
#rail { background: @card; border-right: 1px solid @line; }
#head, #foot { background: @card; }
#head { border-bottom: 1px solid @line; }
#foot { border-top: 1px solid @line; }
#title { font-weight: 600; }
#heading { font-size: 15pt; font-weight: 600; }
#big { font-size: 20pt; font-weight: 600; }
#muted, #caption { color: @muted; }
#caption { font-size: 9pt; }
#bad { color: @bad; }
#error { color: @bad; background: @raised; border-left: 3px solid @bad; padding-left: 5px; font-size: 9pt; }
#stale { background: @raised; border-bottom: 1px solid @warn; }
#good { color: @good; }
#warn { color: @warn; }
QPushButton, QToolButton { background: @raised; border: 1px solid @line; border-radius: 7px; padding: 5px 11px; }
QToolButton { padding: 5px; }
QPushButton:hover, QToolButton:hover { background: @hover; }
QPushButton:focus, QToolButton:focus, QComboBox:focus, QSpinBox:focus, QLineEdit:focus, QTableView:focus,
QListView:focus, QPlainTextEdit:focus { border: 1px solid @accent; }
QPushButton:disabled, QToolButton:disabled { background: transparent; }
QLabel:disabled, QPushButton:disabled, QToolButton:disabled, QComboBox:disabled, QSpinBox:disabled {
  color: @disabled; }
QPushButton#primary { background: @accent; color: @on_accent; border-color: @accent; font-weight: 600; }
QPushButton#primary:disabled { background: @raised; color: @muted; border-color: @line; }
QToolButton#flat { background: transparent; border-color: transparent; }
QToolButton#flat:hover { background: @raised; }
QToolButton#flat:focus { border-color: @accent; }
QToolButton::menu-indicator { image: none; }
QPushButton#segment { border-radius: 0px; padding: 4px 10px; background: transparent; border: none;
  border-bottom: 2px solid transparent; color: @muted; }
QPushButton#segment:hover { color: @text; }
QPushButton#segment:focus { background: @raised; }
QPushButton#segment:checked { color: @text; border-bottom: 2px solid @accent; }
QTabBar { background: transparent; }
QTabBar::tab { padding: 4px 10px; background: transparent; border: none; border-bottom: 2px solid transparent;
  color: @muted; }
QTabBar::tab:hover { color: @text; }
QTabBar::tab:selected { color: @text; border-bottom: 2px solid @accent; }
QTabBar:focus::tab:selected { background: @raised; }
QTabBar::scroller { width: 48px; }
QTabBar QToolButton { padding: 2px; border-radius: 5px; }
QToolButton#nav { background: transparent; border: none; border-left: 3px solid transparent; border-radius: 0px;
  padding: 4px 2px 4px 0px; color: @muted; font-size: 9pt; }
QToolButton#nav:hover { color: @text; background: @raised; }
QToolButton#nav:focus { background: @raised; }
QToolButton#nav:checked { color: @text; border-left: 3px solid @accent; background: @soft; }
QComboBox, QSpinBox, QLineEdit, QPlainTextEdit { background: @raised; border: 1px solid @line; border-radius: 7px;
  padding: 4px 8px; selection-background-color: @accent; selection-color: @on_accent; }
QSpinBox { padding-right: 20px; }
QSpinBox::up-button, QSpinBox::down-button { width: 18px; border: none; background: transparent; }
QSpinBox::up-arrow, QSpinBox::down-arrow { image: none; }
QSpinBox QLineEdit { background: transparent; border: none; padding: 0px; }
QComboBox::drop-down { border: none; width: 18px; }
QComboBox::down-arrow { image: none; }
QComboBox QAbstractItemView, QMenu { background: @card; border: 1px solid @line; padding: 4px;
  selection-background-color: @soft; selection-color: @text; outline: none; }
QMenu::item { padding: 6px 22px 6px 14px; border-radius: 5px; }
QMenu::item:selected { background: @soft; }
QMenu::item:disabled { color: @muted; }
QMenu::separator { height: 1px; background: @line; margin: 4px 8px; }
QTableView, QListView { background: @card; border: 1px solid @line; border-radius: 7px; gridline-color: @line;
  selection-background-color: @soft; selection-color: @text; outline: none; }
QTableView::item { padding: 2px 3px; border: none; }
QTableView#quiet { border-color: transparent; }
QTableView#quiet:focus { border-color: @accent; }
QHeaderView { background: @card; }
QHeaderView::section { background: @card; color: @muted; border: none; border-bottom: 1px solid @line;
  padding: 4px 6px; }
QTableCornerButton::section { background: @card; border: none; }
QScrollArea, #plain { background: transparent; border: none; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 1px; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 1px; }
QScrollBar::handle { background: @line; border-radius: 4px; min-height: 24px; min-width: 24px; }
QScrollBar::handle:hover { background: @muted; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page { background: none; border: none;
  width: 0px; height: 0px; }
QProgressBar { background: @raised; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; }
QProgressBar::chunk { background: @accent; border-radius: 3px; }
QSlider::groove:horizontal { height: 4px; background: @line; border-radius: 2px; }
QSlider::sub-page:horizontal { background: @accent; border-radius: 2px; }
QSlider::handle:horizontal { background: @accent; width: 14px; height: 14px; margin: -5px 0; border-radius: 7px; }
QSlider::handle:horizontal:focus { background: @text; }
QSlider::sub-page:horizontal:disabled { background: @line; }
QSlider::handle:horizontal:disabled { background: @disabled; }
QSplitter::handle { background: transparent; }
QCheckBox { spacing: 7px; }
"""
