"""The table of the page on copies that compares their instructions with those of time-steps, from `make bench-instructions`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from page_tables.blocks import with_block
from page_tables.measured import ROOT

PAGE = ROOT / "docs" / "concepts" / "copies.md"
NETWORK = "vgg9-cifar10"
TARGETS = ("x86-64-v3, gcc", "x86-64-v3, clang", "Cortex-M4", "Cortex-A72", "Cortex-A76", "riscv32")


def table(networks: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table of the instructions of one image in millions, a row for each target.

    networks: counts by network, the part "networks" of docs/results/instructions.json.
    """
    entry = networks[NETWORK]
    one, four = entry["counts"], entry["copies"]["4"]["counts"]
    rows = [f"| {NETWORK}, million instructions | k = 1, T = 4 | k = 4, T = 1 | ratio |", "|---|---|---|---|"]
    for target in TARGETS:
        if target not in one or target not in four:  # its emulator was missing
            continue
        single, copied = one[target]["4"], four[target]["1"]
        rows.append(f"| {target} | {single / 1e6:.2f} | {copied / 1e6:.2f} | {copied / single:.2f} |")
    return "\n".join(rows) + "\n"


def with_table(page: str, networks: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page with the table of counts."""
    return with_block(page, "instructions", table(networks))
