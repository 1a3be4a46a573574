"""The table that compares the native engine with 8-bit networks, from the pages of `make bench-speed`."""

from __future__ import annotations

from collections.abc import Mapping

from page_tables.blocks import with_block
from page_tables.measured import ROOT, Run, Times, times

PAGE = ROOT / "docs" / "results" / "speed.md"
NATIVE = {"spikelet, native": "T = 4", "spikelet, native, 4 copies": "4 copies, T = 1"}  # text by contender
RUNS: tuple[Run, ...] = (("1", "1", "4"), ("32", "1", "4"))  # batch, threads, T


def table(pages: Mapping[str, str]) -> str:
    """Return the table of times relative to the fastest 8-bit network, by processor; below 1 native is faster.

    pages: output of `speed.py` by processor.
    """
    measured = {processor: times(page) for processor, page in pages.items()}
    networks = list(dict.fromkeys(network for by_network in measured.values() for network in by_network))
    lines = [f"| one thread | {' | '.join(pages)} |", "|---" * (len(pages) + 1) + "|"]
    for network in networks:
        for run in RUNS:
            for contender, text in NATIVE.items():
                cells = [
                    _ratio(by_network.get(network, {}).get(run, {}), contender) for by_network in measured.values()
                ]
                if any(cells):
                    lines.append(f"| {network}; {text}, batch {run[0]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _ratio(contenders: Times, name: str) -> str:
    """Return the time of a contender relative to the fastest 8-bit network, or "" if one of them was not measured."""
    int8 = [float(ratio) for other, (_, ratio) in contenders.items() if other.startswith("int8, ")]
    return f"{float(contenders[name][1]) / min(int8):.2f}" if int8 and name in contenders else ""


def with_table(page: str, pages: Mapping[str, str]) -> str:
    """Return the page with the table."""
    return with_block(page, "int8", table(pages))
