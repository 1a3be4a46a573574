"""Run one bundle on emulated processors, and compare the results bit for bit with those of this machine.

* aarch64: engines numpy and native under qemu-aarch64, against numpy here; native is cross-compiled, as for a board
* Cortex-M4 and Cortex-M7: the microcontroller form under qemu-system-arm, with the instructions of a time-step
* aarch64, riscv64 and s390x, which is big-endian: both forms of `spikelet export c`, built by cross compilers

`make edge-test` runs it, `make edge-test IMAGES=20` in less time. Requirements other than Debian's packages are downloaded to
build/edge once.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from emulators import BOARDS, FORMS, HERE, PROCESSORS, board_selftest, board_size, linux_selftest, run

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "edge"
DEMO = ROOT / "assets" / "spikelet_assets" / "vgg9-cifar10.snnb"
PACKAGES = [
    "python3.11-minimal",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libc6",
    "zlib1g",
    "libexpat1",
    "libgcc-s1",
    "libstdc++6",
    "libffi8",
    "libbz2-1.0",
    "liblzma5",
    "libcrypt1",
    "libuuid1",
    "libssl3",
]


def arm64_python() -> list[str]:
    """Return the command of an emulated Python 3.11 with NumPy, which is unpacked into a folder of its own."""
    root, site = BUILD / "root", BUILD / "site"
    if not (root / "usr/bin/python3.11").exists():
        apt = BUILD / "apt"
        for folder in ("lists/partial", "cache/archives/partial", "debs"):
            (apt / folder).mkdir(parents=True, exist_ok=True)
        (apt / "status").touch()
        folders = {"State::lists": apt / "lists", "Cache": apt / "cache", "State::status": apt / "status"}
        options = ["-o", "APT::Architecture=arm64", "-o", "APT::Architectures::=arm64", "-o", "APT::Sandbox::User=root"]
        for name, path in folders.items():
            options += ["-o", f"Dir::{name}={path}"]
        run(["apt-get", *options, "update", "-qq"])
        run(["apt-get", *options, "download", "-qq", *PACKAGES], cwd=apt / "debs")
        for package in (apt / "debs").glob("*.deb"):
            run(["dpkg", "-x", package, root])
    if not (site / "numpy").exists():
        wheels = BUILD / "wheels"
        platforms = ["--platform", "manylinux_2_28_aarch64", "--platform", "manylinux_2_27_aarch64"]
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
        run([*pip, *platforms, "--python-version", "3.11", f"numpy<={np.__version__}", "-d", wheels])
        for wheel in wheels.glob("numpy*.whl"):
            shutil.unpack_archive(wheel, site, "zip")
    return ["qemu-aarch64-static", "-L", str(root), str(root / "usr/bin/python3.11")]


def on_arm64(bundle: Path, images: Path, engine: str, count: int, steps: int, python: list[str]) -> None:
    cache = BUILD / "cache"
    run([sys.executable, "-m", "spikelet", "compile", bundle, "--target", "aarch64-linux-gnu", "-o", cache])
    answers = [HERE / "answers.py", bundle, images]
    native_result = run([sys.executable, *answers, "numpy", count, steps])
    path = f"{ROOT / 'runtime'}:{BUILD / 'site'}"
    board = {
        **os.environ,
        "PYTHONPATH": path,
        "SPIKELET_CACHE": str(cache),
        "CC": "none",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    started = time.perf_counter()
    emulated_result = run([*python, *answers, engine, count, steps], env=board)
    report(
        f"aarch64, engine {engine}",
        native_result == emulated_result,
        f"{emulated_result} ({time.perf_counter() - started:.0f} s emulated)",
    )
    if native_result != emulated_result:
        sys.exit(f"on this machine: {native_result}")


def exported(bundle: Path, name: str, form: str) -> Path:
    """Export a bundle as C into a folder of the given name."""
    folder = BUILD / name
    run([sys.executable, "-m", "spikelet", "export", "c", bundle, folder, *(["--mcu"] if form == "mcu" else [])])
    return folder


def on_cortex_m(bundle: Path, processor: str) -> None:
    folder = exported(bundle, processor, "mcu")
    output = run(board_selftest(folder, processor))
    flash, ram = board_size(folder, processor)
    report(f"{processor} ({BOARDS[processor]})", "pass: " in output, f"flash {flash:,} bytes, RAM {ram:,} bytes")
    print("  " + output.replace("\n", "\n  "), flush=True)
    if "pass: " not in output:
        sys.exit(1)


def on_linux(bundle: Path, processor: str, form: str) -> None:
    output = run(linux_selftest(exported(bundle, f"{processor}-{form}", form), form, processor))
    report(f"{processor}, exported C, {form} form", "pass: " in output, output.splitlines()[-1])


def report(label: str, ok: bool, text: str) -> None:
    print(f"{'ok  ' if ok else 'FAIL'} {label}: {text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=DEMO)
    parser.add_argument("--images", type=int, default=500, help="shipped images for engine native")
    parser.add_argument("--steps", type=int, default=16)
    args = parser.parse_args()
    BUILD.mkdir(parents=True, exist_ok=True)
    images = BUILD / "images.npy"
    with np.load(ROOT / "assets" / "spikelet_assets" / "cifar10-500.npz") as shipped:
        np.save(images, shipped["images"])
    for processor in BOARDS:
        on_cortex_m(args.bundle, processor)
    for processor in PROCESSORS:
        for form in FORMS:
            on_linux(args.bundle, processor, form)
    python = arm64_python()
    on_arm64(args.bundle, images, "numpy", 1, 4, python)
    on_arm64(args.bundle, images, "native", args.images, args.steps, python)


if __name__ == "__main__":
    main()
