"""Convert torchvision's networks in full width, run the bundles, and verify them on all engines of this machine.

The weights and the images of 64x64 pixels are random, so accuracies mean nothing. Each network is converted with
`spikelet convert FILE.py:NETWORK --steps 4`, run on 2 images, and verified. Times are seconds of processor time:

    python tests/benchmarks/full_networks.py OUT
"""

import argparse
import contextlib
import io
import json
import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from source_networks.blocks import network
from source_networks.full import FULL_NETWORKS, PARAMETERS
from spikelet import cli

SIZE, MEMORY = 64, "8G"


def __getattr__(name):
    """Return the function that `spikelet convert` calls for a network."""
    if name not in FULL_NETWORKS:
        raise AttributeError(name)
    return lambda: network(name, SIZE, FULL_NETWORKS)


def processor_time():
    """Return seconds of this process and of the compilers that it called."""
    return sum(os.times()[:4])


def call(line):
    """Run a command, and return its report, the last line of its error, and seconds of processor time."""
    out, err = io.StringIO(), io.StringIO()
    start = processor_time()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main([*line, "--json"])
    seconds = processor_time() - start
    if code:
        return None, err.getvalue().strip().splitlines()[-1], seconds
    return json.loads(out.getvalue()), "", seconds


def row(name, images, out, options):
    """Return the cells of a network."""
    bundle = str(out / f"{name}.snnb")
    shared = ["--max-memory", MEMORY]
    source = [f"{__file__}:{name}", "--input", f"3x{SIZE}x{SIZE}", "--calibration", str(images), "--data", str(images)]
    _, error, seconds = call(["convert", *source, "--count", "2", "--steps", "4", "-o", bundle, *options, *shared])
    cells = [name, f"{PARAMETERS[name] / 1e6:.1f}", f"{seconds:.0f} s"]
    if error:
        return [*cells, f"refused: {error}", ""]
    _, error, seconds = call(["run", bundle, str(images), "--count", "2", *shared])
    cells.append(error or f"{seconds:.0f} s")
    report, error, _ = call(["verify", bundle, *shared])
    if error:
        return [*cells, error]
    engines = [*report["engines"], report["step_model"]["replay"]]
    differing, spikes = (sum(engine[key] for engine in engines) for key in ("differing_spikes", "spikes"))
    return [*cells, f"{differing} of {spikes:,} spikes differ ({', '.join(engine['engine'] for engine in engines)})"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", choices=FULL_NETWORKS, default=FULL_NETWORKS)
    parser.add_argument("--calibration-count", type=int, default=32)
    parser.add_argument("--bits", help="of the weights; 8 by default")
    parser.add_argument("--float32", action="store_true", help="keep the weights instead of rounding them to integers")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    images = args.out / "images.npz"
    squares = np.random.default_rng(0).integers(0, 256, (max(args.calibration_count, 2), 3, 8, 8), np.uint8)
    np.savez(images, images=squares.repeat(SIZE // 8, 2).repeat(SIZE // 8, 3))
    options = ["--calibration-count", str(args.calibration_count), *(["--float32"] if args.float32 else [])]
    options += [] if args.bits is None else ["--bits", args.bits]
    print("| network | million parameters | convert | run | verify |\n|---|---|---|---|---|")
    for name in args.only:
        print(f"| {' | '.join(row(name, images, args.out, options))} |", flush=True)


if __name__ == "__main__":
    main()
