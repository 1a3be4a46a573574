"""The speed table of the README, from the pages of `make bench-speed`: batch 1, one thread, T = 4."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from page_tables.blocks import with_block

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "docs" / "results"
PAGES = {"AVX-512": RESULTS / "benchmarks.md", "AVX2": RESULTS / "benchmarks-avx2.md"}  # by vectors of the processor
README = ROOT / "README.md"
LINE = ["1", "1", "4"]  # batch, threads, T
FLOAT = "float network"
Times = dict[str, tuple[str, str]]  # milliseconds and ratio by contender
VARIANTS = ("step by step", "single-step", "float, OpenVINO")  # on the pages only


def table(texts: Mapping[str, str]) -> str:
    """Return the table of wall-clock milliseconds and ratios to the float network.

    It has a row for each contender except VARIANTS, sorted by the last column, and a column per network and processor.
    texts: output of `speed.py` by processor.
    """
    networks: dict[str, dict[str, Times]] = {}
    for processor, text in texts.items():
        for line in text.splitlines():
            if line.startswith("### "):
                times = networks.setdefault(line[4:], {}).setdefault(processor, {})
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if cells[:3] == LINE:
                times[cells[3]] = cells[4], cells[6]
    columns = {
        f"{network}; {processor}": times
        for network, by_processor in networks.items()
        for processor, times in by_processor.items()
        if times
    }
    *_, last = columns.values()
    rows = ["| batch 1, one thread, T = 4 | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name in sorted(last, key=lambda name: float(last[name][0])):
        if any(variant in name for variant in VARIANTS):
            continue
        cells = [_cell(name, *times[name]) if name in times else "" for times in columns.values()]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _cell(name: str, milliseconds: str, ratio: str) -> str:
    return f"{milliseconds} ms" if name.startswith(FLOAT) else f"{milliseconds} ms, {ratio} ×"


def with_table(readme: str) -> str:
    """Return the README with the table of the stored pages."""
    return with_block(readme, "speed", table({name: path.read_text("utf-8") for name, path in PAGES.items()}))
