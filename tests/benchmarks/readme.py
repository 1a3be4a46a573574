"""Write the speed table of the README from docs/results/benchmarks.md: batch 1, one thread, T = 4."""

from __future__ import annotations

from pathlib import Path

from blocks import with_block

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = ROOT / "docs" / "results" / "benchmarks.md"
README = ROOT / "README.md"
LINE = ["1", "1", "4"]  # batch, threads, T
FLOAT = "float network"
VARIANTS = ("step by step", "single-step", "float, OpenVINO")  # in docs/results/benchmarks.md only


def table(text: str) -> str:
    """Return the table of wall-clock milliseconds and ratios to the float network.

    It has a row for each contender except VARIANTS, sorted by the last network, and a column per network. text: output of `speed.py`.
    """
    networks: dict[str, dict[str, tuple[str, str]]] = {}
    for line in text.splitlines():
        if line.startswith("### "):
            times = networks.setdefault(line[4:], {})
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[:3] == LINE:
            times[cells[3]] = cells[4], cells[6]
    networks = {name: times for name, times in networks.items() if times}
    *_, last = networks.values()
    rows = ["| batch 1, one thread, T = 4 | " + " | ".join(networks) + " |", "|---" * (len(networks) + 1) + "|"]
    for name in sorted(last, key=lambda name: float(last[name][0])):
        if any(variant in name for variant in VARIANTS):
            continue
        cells = [_cell(name, *times[name]) if name in times else "" for times in networks.values()]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _cell(name: str, milliseconds: str, ratio: str) -> str:
    return f"{milliseconds} ms" if name.startswith(FLOAT) else f"{milliseconds} ms, {ratio} ×"


def with_table(readme: str, text: str) -> str:
    """Return the README with the new table."""
    return with_block(readme, "speed", table(text))


if __name__ == "__main__":
    README.write_text(with_table(README.read_text("utf-8"), WRITTEN.read_text("utf-8")), "utf-8")
