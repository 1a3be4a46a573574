"""Compare exported C of random networks on emulated processors with the golden data that numpy records.

python random_networks.py --count 100 --seed 0

Host form: aarch64 (NEON), riscv64, s390x (big-endian). Microcontroller form: Cortex-M4 and Cortex-M7 (DSP instructions), s390x. A network on
which they differ is written to build/mismatch.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from emulators import BOARDS, PROCESSORS, board_selftest, linux_selftest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from c_projects import c_project
from networks import graphs, wide_graphs
from runners import MISMATCHES
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.verify import record_golden

TARGETS = {"host": tuple(PROCESSORS), "mcu": (*BOARDS, "s390x")}
COPIES = (1, 1, 1, 2, 3, 16)  # of the neurons of a layer


@st.composite
def bundles(draw) -> Bundle:
    """Return a random network with the golden data of two random images."""
    graph = draw(graphs(copies=COPIES) | wide_graphs())
    rng, most = np.random.default_rng(draw(st.integers(0, 2**32 - 1))), exact_steps(graph)
    pixels = rng.integers(0, 256, (2, *graph.input.shape)).astype(np.float32)
    return Bundle(graph, Manifest("random", None, 8, most), record_golden(graph, pixels, min(5, most)), "# random\n")


def differing(bundle: Bundle) -> list[str]:
    """Return the targets on which the self-test fails."""
    failed = []
    for form, processors in TARGETS.items():
        files = c_project(bundle, form=form)[0]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file, text in files.items():
                (folder / file).write_text(text)
            for processor in processors:
                command = (
                    board_selftest(folder, processor)
                    if processor in BOARDS
                    else linux_selftest(folder, form, processor)
                )
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode or "pass: 2 images" not in done.stdout:
                    failed.append(f"{processor}, {form} form: {(done.stdout + done.stderr).strip()}")
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="networks")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    count = spikes = differences = 0

    @seed(args.seed)
    @settings(
        max_examples=args.count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(bundle=bundles())
    def campaign(bundle: Bundle) -> None:
        nonlocal count, spikes, differences
        count += 1
        spikes += sum(int(values.sum()) for values in bundle.golden.spikes.values())
        for problem in differing(bundle):
            differences += 1
            MISMATCHES.mkdir(parents=True, exist_ok=True)
            path = MISMATCHES / f"edge-{args.seed}-{differences}.snnb"
            write(bundle, path)
            print(f"FAIL {problem}: {path}", flush=True)

    campaign()
    targets = ", ".join(f"{form} form on {' and '.join(names)}" for form, names in TARGETS.items())
    print(f"{count} random networks, {spikes:,} spikes; {targets}: {differences} differ")
    if differences:
        sys.exit(1)


if __name__ == "__main__":
    main()
