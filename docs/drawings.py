"""Draw docs/drawings/*.svg: the import layers of .importlinter, and the paths of an image and of a checkpoint.

Run: python docs/drawings.py
"""

from __future__ import annotations

from configparser import ConfigParser
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "drawings"
STYLE = """
.dr { font-family: system-ui, sans-serif; font-size: 12px; fill: var(--md-typeset-color, #222); }
.dr-title { font-weight: 600; font-size: 13px; }
.dr-small { font-size: 10.5px; fill: var(--md-default-fg-color--light, #666); }
.dr-code { font-family: ui-monospace, monospace; font-size: 10.5px; }
.dr-card { fill: var(--md-code-bg-color, #f4f5f6); stroke: var(--md-default-fg-color--lighter, #bbb); }
.dr-box { fill: var(--md-default-bg-color, #fff); stroke: var(--md-default-fg-color--lighter, #bbb); }
.dr-line { fill: none; stroke: var(--md-default-fg-color--light, #666); stroke-width: 1.3; }
.dr-tip { fill: var(--md-default-fg-color--light, #666); }
"""
PACKAGES = {
    "spikelet_gui": "the inspector; Qt",
    "spikelet_converters": "training, conversion; torch",
    "spikelet": "the runtime; NumPy alone",
}
WIDTH, GAP, ROW, CHIP, LETTER = 274, 12, 34, 22, 6.5

# title, modules, passed value
IMAGE = [
    ("Image", "file or array", "bytes"),
    ("Read", "spikelet.data", "uint8 (N, C, H, W)"),
    ("Check", "spikelet.inputs", "(T, N, C, H, W)"),
    ("Step, T times", "spikelet.engines", "logits, spikes"),
    ("Sum, exit", "spikelet.session", "Result"),
    ("Measure", "spikelet.metrics", ""),
]
CHECKPOINT = [
    ("Train", "training", "checkpoint"),
    ("Trace, fold", "frontends", "float graph"),
    ("Calibrate", "calibration", "thresholds"),
    ("Quantise", "conversion, ranges", "integer graph"),
    ("Measure", "conversion.layer_report", "golden inputs"),
    ("Write", "spikelet.bundle", ""),
]


def layers_of(package: str) -> list[list[str]]:
    """Return the layers of a package, the top one first. Modules of one layer do not import each other."""
    contracts = ConfigParser(delimiters=("=",))
    contracts.read(ROOT / ".importlinter", "utf-8")
    lines = contracts[f"importlinter:contract:{package}"]["layers"].split("\n")
    return [[name.strip() for name in line.split("|")] for line in lines if line.strip()]


def layers() -> str:
    """Draw the packages side by side, each with its import layers from top to bottom."""
    columns = [_column(index * (WIDTH + GAP), *item) for index, item in enumerate(PACKAGES.items())]
    height = max(bottom for _, bottom in columns)
    parts = [part for drawn, _ in columns for part in drawn]
    return _svg(len(PACKAGES) * (WIDTH + GAP) - GAP, height + 8, parts)


def _column(left: int, package: str, about: str) -> tuple[list[str], int]:
    top = 54
    rows: list[str] = []
    for names in layers_of(package):
        lines = _wrapped(names)
        height = len(lines) * (CHIP + 4) + 6
        rows.append(f'<rect class="dr-card" x="{left + 8}" y="{top}" width="{WIDTH - 16}" height="{height}" rx="4"/>')
        for number, line in enumerate(lines):
            x = left + 14.0
            for name in line:
                width = len(name) * LETTER + 12
                y = top + 5 + number * (CHIP + 4)
                rows.append(f'<rect class="dr-box" x="{x:g}" y="{y}" width="{width:g}" height="{CHIP}" rx="3"/>')
                rows.append(f'<text class="dr dr-code" x="{x + 6:g}" y="{y + 15}">{name}</text>')
                x += width + 5
        top += height + 7
    head = [
        f'<rect class="dr-box" x="{left + 0.5}" y="0.5" width="{WIDTH - 1}" height="{top}" rx="6"/>',
        f'<text class="dr dr-title" x="{left + 12}" y="22">{package}</text>',
        f'<text class="dr dr-small" x="{left + 12}" y="40">{about}</text>',
    ]
    return head + rows, top


def _wrapped(names: list[str]) -> list[list[str]]:
    """Return the names of a layer in lines that fit the column."""
    lines: list[list[str]] = [[]]
    free = WIDTH - 28.0
    for name in names:
        width = len(name) * LETTER + 17
        if width > free and lines[-1]:
            lines.append([])
            free = WIDTH - 28.0
        lines[-1].append(name)
        free -= width
    return lines


def flow(steps: list[tuple[str, str, str]]) -> str:
    """Draw boxes from left to right, with the passed value under each arrow."""
    box, arrow, height = 118, 30, 74
    parts = []
    for index, (title, module, passed) in enumerate(steps):
        x = index * (box + arrow)
        parts.append(f'<rect class="dr-card" x="{x + 0.5}" y="0.5" width="{box}" height="46" rx="5"/>')
        parts.append(
            f'<text class="dr dr-title" x="{x + box / 2:g}" y="20" text-anchor="middle">{escape(title)}</text>'
        )
        parts.append(
            f'<text class="dr dr-code" x="{x + box / 2:g}" y="37" text-anchor="middle">{escape(module)}</text>'
        )
        if passed:
            middle = x + box + arrow / 2
            parts.append(f'<path class="dr-line" d="M{x + box + 2} 23h{arrow - 9}"/>')
            parts.append(f'<path class="dr-tip" d="M{x + box + arrow - 1} 23l-7 -4v8z"/>')
            parts.append(
                f'<text class="dr dr-small" x="{middle:g}" y="66" text-anchor="middle">{escape(passed)}</text>'
            )
    return _svg(len(steps) * (box + arrow) - arrow + 1, height, parts)


def _svg(width: int, height: int, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"><style>{STYLE}</style>'
    return "\n".join([head.replace("\n", " "), *parts, "</svg>\n"])


def drawings() -> dict[Path, str]:
    """Return every drawing by its path."""
    return {
        FOLDER / "layers.svg": layers(),
        FOLDER / "image.svg": flow(IMAGE),
        FOLDER / "checkpoint.svg": flow(CHECKPOINT),
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, svg in drawings().items():
        path.write_text(svg, "utf-8")
