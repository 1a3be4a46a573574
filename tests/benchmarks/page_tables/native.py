"""The tables that compare the native engine with the float network, and one thread with two."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from page_tables.blocks import with_block
from page_tables.measured import ROOT, Run, Times, times

PAGE = ROOT / "docs" / "results" / "speed.md"
VARIANTS = {
    "spikelet, native": "T = 4",
    "spikelet, native, step by step": "T = 4, step by step",
    "spikelet, native, 4 copies": "4 copies, T = 1",
}  # text by contender
BATCHES = ("1", "32")
Cell = Callable[[Mapping[Run, Times], str, str], str]  # of the runs of a network, the batch and the contender


def to_float(pages: Mapping[str, str]) -> str:
    """Return the table of times relative to the float network, by processor. pages: output of `speed.py` by processor."""
    return _table("native / float network, one thread", _ratio, pages)


def to_two_threads(pages: Mapping[str, str]) -> str:
    """Return the table of times with one thread relative to those with two. pages: output of `speed.py` by processor."""
    return _table("one thread / two threads", _gain, pages)


def _ratio(runs: Mapping[Run, Times], batch: str, contender: str) -> str:
    return runs[batch, "1", "4"][contender][1]


def _gain(runs: Mapping[Run, Times], batch: str, contender: str) -> str:
    one, two = (float(runs[batch, threads, "4"][contender][0]) for threads in ("1", "2"))
    return f"{one / two:.2f}"


def _table(head: str, cell: Cell, pages: Mapping[str, str]) -> str:
    """Return a table with a row for each network, batch and variant of the engine that one of the pages measured."""
    measured = {processor: times(page) for processor, page in pages.items()}
    networks = dict.fromkeys(network for by_network in measured.values() for network in by_network)
    lines = [f"| {head} | {' | '.join(pages)} |", "|---" * (len(pages) + 1) + "|"]
    for network in networks:
        for batch in BATCHES:
            for contender, text in VARIANTS.items():
                cells = []
                for by_network in measured.values():
                    try:
                        cells.append(cell(by_network[network], batch, contender))
                    except KeyError:  # not measured on this processor
                        cells.append("")
                if any(cells):
                    lines.append(f"| {network}; {text}, batch {batch} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def with_tables(page: str, pages: Mapping[str, str]) -> str:
    """Return the page with both tables."""
    return with_block(with_block(page, "float", to_float(pages)), "threads", to_two_threads(pages))
