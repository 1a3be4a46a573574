"""The style of the application in a theme: palette, style sheet, and defaults of charts."""

from __future__ import annotations

from dataclasses import fields

import pyqtgraph as pg
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from spikelet_gui.views.widgets.theme import Theme, choose, disabled_colour, font, mixed

_applied: list[Theme] = []  # the theme of the application's style sheet


def apply(app: QApplication, chosen: Theme) -> None:
    """Set the theme. Existing widgets must be rebuilt. The style sheet is set only if the theme changes."""
    choose(chosen)
    if _applied == [chosen]:
        return
    if not _applied:
        app.setStyle("Fusion")
    _applied[:] = [chosen]
    app.setFont(font())
    app.setPalette(_palette(chosen))
    app.setStyleSheet(_sheet(chosen))
    pg.setConfigOptions(background=None, foreground=chosen.muted, antialias=True, imageAxisOrder="row-major")


def _palette(chosen: Theme) -> QPalette:
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
        palette.setColor(QPalette.ColorGroup.Disabled, item, QColor(disabled_colour()))
    return palette


def _sheet(chosen: Theme) -> str:
    values = {
        field.name: getattr(chosen, field.name) for field in fields(Theme) if field.name not in ("ramp", "series")
    }
    values["disabled"] = disabled_colour()
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
#notice { background: @raised; border-bottom: 1px solid @warn; }
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
QPushButton#primary:focus { background: @card; color: @accent; border: 2px solid @accent; padding: 4px 10px; }
QPushButton#primary:disabled { background: @raised; color: @muted; border-color: @line; }
QToolButton#flat { background: transparent; border-color: transparent; }
QToolButton#flat:hover { background: @raised; }
QToolButton#flat:focus { border-color: @accent; }
QToolButton::menu-indicator { image: none; }
QPushButton#segment { border-radius: 0px; padding: 4px 10px; background: transparent; border: none;
  border-bottom: 2px solid transparent; color: @muted; }
QPushButton#segment:hover { color: @text; }
QPushButton#segment:checked { color: @text; border-bottom: 2px solid @accent; }
QPushButton#segment:focus { border: 1px solid @accent; border-bottom: 2px solid @accent; padding: 3px 9px 4px 9px; }
QTabBar { background: transparent; }
QTabBar::tab { padding: 4px 10px; background: transparent; border: none; border-bottom: 2px solid transparent;
  color: @muted; }
QTabBar::tab:hover { color: @text; }
QTabBar::tab:selected { color: @text; border-bottom: 2px solid @accent; }
QTabBar::tab:selected:focus { border: 1px solid @accent; border-bottom: 2px solid @accent; padding: 3px 9px 4px 9px; }
QTabBar::scroller { width: 48px; }
QTabBar QToolButton { padding: 2px; border-radius: 5px; }
QToolButton#nav { background: transparent; border: none; border-left: 3px solid transparent; border-radius: 0px;
  padding: 4px 2px 4px 0px; color: @muted; font-size: 9pt; }
QToolButton#nav:hover { color: @text; background: @raised; }
QToolButton#nav:checked { color: @text; border-left: 3px solid @accent; background: @soft; }
QToolButton#nav:focus { border: 2px solid @accent; border-left: 3px solid @accent; padding: 2px 0px 2px 0px; }
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
QScrollArea#scrolled, QGraphicsView#plain { border: 1px solid transparent; border-radius: 6px; }
QScrollArea#scrolled:focus, QGraphicsView#plain:focus { border-color: @accent; }
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
QSlider::handle:horizontal:focus { background: @card; border: 3px solid @accent; width: 8px; height: 8px; }
QSlider::sub-page:horizontal:disabled { background: @line; }
QSlider::handle:horizontal:disabled { background: @disabled; }
QSplitter::handle { background: transparent; }
QCheckBox { spacing: 7px; }
"""
