"""Build the self-test of exported C for other processors, and run it in QEMU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
FORMS = {"host": ["-std=gnu11", "-O3"], "mcu": ["-std=c99", "-O2", "-pedantic"]}
PROCESSORS = {  # with Linux, by the name of the emulator; s390x is big-endian
    "aarch64": "aarch64-linux-gnu",
    "riscv64": "riscv64-linux-gnu",
    "s390x": "s390x-linux-gnu",
}
BOARDS = {"cortex-m4": "mps2-an386", "cortex-m7": "mps2-an500"}


def run(command, **options):
    """Run a command and return its output; if it fails, end the program with its messages."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"FAIL: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def linux_selftest(folder: Path, form: str, processor: str) -> list[object]:
    """Build the self-test in a folder of exported C for a processor with Linux, and return the command that runs it."""
    flags = f"CFLAGS={' '.join([*FORMS[form], *WARNINGS])}"
    run(["make", "-C", folder, "clean", "selftest", f"CC={PROCESSORS[processor]}-gcc", flags, "LDFLAGS=-static"])
    return [f"qemu-{processor}-static", folder / "selftest"]


def board_selftest(folder: Path, processor: str) -> list[object]:
    """Build the self-test in a folder of exported C for a board with a Cortex-M, and return the command that runs it."""
    flags = [f"-mcpu={processor}", "-mthumb", *WARNINGS, "-ffunction-sections"]
    objects = []
    for source, extra in (
        (folder / "model.c", FORMS["mcu"]),
        (folder / "model_weights.c", FORMS["mcu"]),
        (folder / "main.c", [*FORMS["mcu"], "-Dmain=selftest"]),
        (HERE / "board.c", ["-std=c99", "-O2", "-I", folder]),  # a function in a table of pointers is not pedantic
    ):
        objects.append(folder / f"{source.stem}-{processor}.o")
        run(["arm-none-eabi-gcc", *flags, *extra, "-c", source, "-o", objects[-1]])
    image = folder / f"{processor}.elf"
    link = ["--specs=rdimon.specs", "-T", HERE / "board.ld", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments"]
    run(["arm-none-eabi-gcc", f"-mcpu={processor}", "-mthumb", *objects, *link, "-o", image])
    machine = ["qemu-system-arm", "-machine", BOARDS[processor], "-nographic", "-monitor", "none", "-serial", "none"]
    return [*machine, "-semihosting-config", "enable=on,target=native", "-icount", "shift=0", "-kernel", image]


def board_size(folder: Path, processor: str) -> tuple[int, int]:
    """Return the bytes of flash and of RAM of the model in a folder that `board_selftest` has built."""
    objects = [folder / f"{stem}-{processor}.o" for stem in ("model", "model_weights")]
    size = run(["arm-none-eabi-size", *objects]).splitlines()[1:]
    flash, ram = (sum(int(line.split()[column]) for line in size) for column in (0, 2))
    return flash, ram
