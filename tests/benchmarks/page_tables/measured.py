"""Times that the pages of `make bench-speed` contain."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RESULTS = ROOT / "docs" / "results"
PAGES = {"AVX-512": RESULTS / "benchmarks.md", "AVX2": RESULTS / "benchmarks-avx2.md"}  # by vectors of the processor
Run = tuple[str, str, str]  # batch, threads, T
Times = dict[str, tuple[str, str]]  # milliseconds and ratio to the float network by contender


def times(page: str) -> dict[str, dict[Run, Times]]:
    """Return the wall-clock times of a page, the output of `speed.py`, by network and run."""
    networks: dict[str, dict[Run, Times]] = {}
    runs: dict[Run, Times] = {}
    for line in page.splitlines():
        if line.startswith("### "):
            runs = networks.setdefault(line[4:], {})
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 8 and all(cell.isdecimal() for cell in cells[:3]):
            runs.setdefault((cells[0], cells[1], cells[2]), {})[cells[3]] = cells[4], cells[6]
    return {network: runs for network, runs in networks.items() if runs}


def stored() -> dict[str, str]:
    """Return the stored pages by vectors of the processor."""
    return {name: path.read_text("utf-8") for name, path in PAGES.items()}
