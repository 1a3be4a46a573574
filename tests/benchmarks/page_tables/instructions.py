"""The page of the instructions of generated C, from `make bench-instructions`."""

from __future__ import annotations

from contenders.int8 import CALIBRATION

from counts.instructions import TIMES
from page_tables.measured import RESULTS

PAGE, DATA = RESULTS / "instructions.md", RESULTS / "instructions.json"
LEVELS = ((2, 1), (4, 1), (2, 2))  # copies and time-steps
OF_COPIES = (  # targets on which copies are counted
    "x86-64-v3, gcc",
    "x86-64-v3, clang",
    "Cortex-M4",
    "Cortex-A72",
    "Cortex-A76",
    "riscv32",
)
SHARING = (1, 2, 4)  # threads of one image
SHARED = ((1, 4), (4, 1))  # copies and time-steps that are counted by thread
DEPLOYED_IMAGES = 500
INTRODUCTION = """# Instructions per image

Written by `make bench-instructions`; do not edit. Millions of instructions for one image, the mean over the first {images} test
images that are shipped, after T time-steps. x86-64 is counted by callgrind on the code of `spikelet export c`; the other
processors are emulated by QEMU without an operating system (`-icount shift=0`). The counts depend on the compiler only, not on
the machine on which they are made; they are not times. The predictions equal those of the numpy engine.

Compilers: {compilers}. "Before" is the count of {before}.

"""
THREADS = """## Threads that share one image

Million instructions on the longest path: the sum, over the layers, of the largest number that a thread takes. In brackets, how many
times shorter it is than with one thread, and how often the threads wait for each other.
"""
DEPLOYED = """The tables of one inference compare with the source network in other runtimes, in float and in 8-bit integers (QDQ: weights per
channel, calibrated with {images} images; OpenVINO runs the same file). callgrind presents a processor with AVX2 and without AVX-512
and VNNI, for which the runtimes choose their kernels; the counts include the call from Python, about 0.1 million. "Right" is the
share of {judged} shipped test images. **Instructions are not time**: kernels differ in the instructions that a processor
completes in a cycle and in how they use its caches; [Speed](speed.md) compares times.

"""


def page(document: dict) -> str:
    """Return the text of the page, from the data stored in docs/results/instructions.json."""
    before = document["before"]
    lines = [
        INTRODUCTION.format(
            images=document["images"], compilers=", ".join(document["compilers"].values()), before=before["name"]
        )
    ]
    if "deployed" in document:
        judged = DEPLOYED_IMAGES - CALIBRATION
        lines.append(DEPLOYED.format(images=CALIBRATION, judged=judged))
    for network, entry in document["networks"].items():
        lines += [f"## {network}", "", "| target | " + " | ".join(f"T = {t} | before" for t in TIMES) + " |"]
        lines.append("|---|" + "---|" * 2 * len(TIMES))
        for target, totals in entry["counts"].items():
            old = before["networks"].get(network, {}).get(target, {})
            cells = [f"{totals[str(t)] / 1e6:.2f} | {change(totals[str(t)], old.get(str(t)))}" for t in TIMES]
            lines.append(f"| {target} | " + " | ".join(cells) + " |")
        lines += copies_table(entry)
        lines += deployed_table(document.get("deployed", {}).get(network), entry)
        for title, key in (("layer, with the functions that it calls", "layers"), ("function", "functions")):
            ranked = sorted(entry[key].items(), key=lambda item: -item[1])[:12]
            lines += ["", f"| x86-64-v3, {title} | million instructions, T = 4 |", "|---|---|"]
            lines += [f"| `{name}` | {value / 1e6:.2f} |" for name, value in ranked]
        lines.append("")
    return "\n".join([*lines, *shared_table(document.get("threads", {}))])


def copies_table(entry: dict) -> list[str]:
    """Return the table of k copies at T time-steps, with ratios to one copy at k T time-steps."""
    lines = ["", "| target, k copies, T time-steps | " + " | ".join(f"k = {k}, T = {t}" for k, t in LEVELS) + " |"]
    lines.append("|---|" + "---|" * len(LEVELS))
    for target in OF_COPIES:
        single, cells = entry["counts"].get(target), []
        for k, t in LEVELS:
            totals = entry["copies"].get(str(k), {}).get("counts", {}).get(target)
            if totals is not None and single is not None:
                now, before = totals[str(t)], single[str(k * t)]
                cells.append(f"{now / 1e6:.2f} ({now / before:.2f} of k = 1, T = {k * t})")
        if cells:
            lines.append(f"| {target} | " + " | ".join(cells) + " |")
    return lines


def deployed_table(runs: dict | None, entry: dict) -> list[str]:
    """Return the table of the source network in other runtimes, compared with the spiking network."""
    if not runs:
        return []
    lines = ["", "| one inference, batch 1, AVX2 | million instructions | right |", "|---|---|---|"]
    rows = {name: (run["instructions"], run["right"]) for name, run in runs.items() if "instructions" in run}
    for copies, steps in SHARED:
        counts = entry["counts"] if copies == 1 else entry["copies"][str(copies)]["counts"]
        name = f"spikelet, exported C, k = {copies}, T = {steps}"
        rows[name] = counts["x86-64-v3, gcc"][str(steps)], runs[f"{copies}, {steps}"]["right"]
    for name, (taken, right) in sorted(rows.items(), key=lambda item: item[1][0]):
        lines.append(f"| {name} | {taken / 1e6:.2f} | {right:.1%} |")
    return lines


def shared_table(networks: dict) -> list[str]:
    """Return the table of the longest path of threads that share one image."""
    if not networks:
        return []
    lines = [THREADS, "| one image, x86-64-v3 | " + " | ".join(f"{n} threads" for n in SHARING) + " |"]
    lines[-1] = lines[-1].replace("1 threads", "1 thread")
    lines.append("|---" * (len(SHARING) + 1) + "|")
    for name, counts in networks.items():
        one, cells = counts["1"][0], []
        for n in SHARING:
            longest, phases = counts[str(n)]
            cells.append(f"{longest / 1e6:.2f}" + (f" ({one / longest:.2f} ×, {phases:.0f})" if n > 1 else ""))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def change(now: float, before: float | None) -> str:
    return "–" if before is None else f"{before / 1e6:.2f} ({now / before - 1:+.1%})"
