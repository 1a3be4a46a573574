"""The speed table of the README, from the pages of `make bench-speed`: batch 1, one thread, T = 4 (4 copies: T = 1)."""

from __future__ import annotations

from collections.abc import Mapping

from page_tables.blocks import with_block
from page_tables.measured import ROOT, Run, times

README = ROOT / "README.md"
RUN: Run = ("1", "1", "4")  # batch, threads, T
FLOAT = "float network"
VARIANTS = ("step by step", "single-step", "float, OpenVINO")  # on the pages only


def table(texts: Mapping[str, str]) -> str:
    """Return the table of wall-clock milliseconds and ratios to the float network.

    It has a row for each contender except VARIANTS, sorted by the last column with all of them, and a column per network and processor.
    texts: output of `speed.py` by processor.
    """
    measured = {processor: times(text) for processor, text in texts.items()}
    networks = dict.fromkeys(network for by_network in measured.values() for network in by_network)
    columns = {
        f"{network}; {processor}": by_network[network][RUN]
        for network in networks
        for processor, by_network in measured.items()
        if RUN in by_network.get(network, {})
    }
    last = max(reversed(columns.values()), key=len)  # a network may be measured without other frameworks
    rows = [
        "| batch 1, one thread; T = 4, with 4 copies T = 1 | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for name in sorted(last, key=lambda name: float(last[name][0])):
        if any(variant in name for variant in VARIANTS):
            continue
        cells = [_cell(name, *times[name]) if name in times else "" for times in columns.values()]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _cell(name: str, milliseconds: str, ratio: str) -> str:
    return f"{milliseconds} ms" if name.startswith(FLOAT) else f"{milliseconds} ms, {ratio} ×"


def with_table(readme: str, pages: Mapping[str, str]) -> str:
    """Return the README with the table of pages."""
    return with_block(readme, "speed", table(pages))
