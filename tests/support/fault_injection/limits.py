"""Run every command that writes with a full disk, without permission, on a read-only file system or with too little memory."""

import ctypes
import os
import resource
import struct
import subprocess
from pathlib import Path

TRAIN = "train --data x.npz --model vgg5 --batch 16 --learning-rate 0.05 --seed 3 --epochs 3 --residual gaussian --out"
COMMANDS = {
    "convert": "convert whole/best.pt -o {}/out.snnb",
    "report": "report good.snnb x.npz --steps 1 --engine numpy --no-latency --profile loihi -o {}/out.html",
    "sign": "sign {}/good.snnb --key key.key",
    "robustness": "robustness good.snnb x.npz --count 8 --steps 1 --seeds 0 --faults dropped -o {}/out.json",
    "train": TRAIN.replace("--epochs 3", "--epochs 1") + " {}/run",
    "keygen": "keygen {}/k",
    "export c": "export c good.snnb {}/c",
    "export onnx": "export onnx good.snnb {}/deep/onnx",
    "export nir": "export nir good.snnb {}/out.nir",
    "export spikes": "export spikes good.snnb {}/out.csv --data x.npz --steps 4",
    "deploy": "deploy good.snnb --target raspberrypi -o {}/board",
    "deploy --target": "deploy good.snnb --target cortex-m -o {}/firmware.tar.gz",
}
EXPORTS = ("export c", "export onnx", "export nir", "export spikes", "deploy", "deploy --target")
WRITERS = ("convert", "report", "sign", "robustness", "train", *EXPORTS)


def check_failures(work, name, folder, trouble, expected, commands=WRITERS, may_end_well=False):
    """Check commands that cannot write: they print one sentence, exit with 1, and neither change nor add files."""
    for command in commands:
        line = COMMANDS[command].format(folder)
        before = _tree(folder)
        code = work.run(line, trouble=trouble)
        if code == 0 and may_end_well:
            work.outcomes.setdefault(name, {})[command] = "went through"
            continue
        output = Path("log").read_text()
        # earlier lines may be output from before the failure
        last = output.strip().splitlines()[-1] if output.strip() else ""
        starts = (f"spikelet {command.partition(' --')[0]}: ", "spikelet: out of memory")
        expected_end = code == 1 and last.startswith(starts) and "Traceback" not in output
        if not expected_end or not any(text in last for text in expected) or _tree(folder) != before:
            work.wrong.append(f"{name}: {line}: exit code {code}, {output!r}, left {_tree(folder)}, before {before}")
        work.outcomes.setdefault(name, {})[command] = last


def _tree(folder):
    paths = sorted(Path(folder).rglob("*"))
    return {str(path): path.stat().st_size if path.is_file() else "folder" for path in paths}


def _drop_root_access():
    """Drop the capabilities CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, so that permissions of files apply to root."""
    libc, head = ctypes.CDLL(None), struct.pack("II", 0x20080522, 0)
    data = ctypes.create_string_buffer(24)
    libc.capget(head, data)
    masks = [mask & ~0b110 if index < 2 else mask for index, mask in enumerate(struct.unpack("6I", data.raw))]
    libc.capset(head, struct.pack("6I", *masks))


def _folder(path):
    """Create a folder for the output of a command, which already contains files."""
    path.mkdir()
    (path / "good.snnb").write_bytes(Path("good.snnb").read_bytes())
    (path / "out.html").write_text("an existing file")
    (path / "run").mkdir()
    return path


def disks(work):
    """Run every command with full disks, folders without write permission and read-only file systems."""
    root = os.geteuid() == 0
    full, closed, small = (_folder(work.folder / name) for name in ("full", "closed", "small"))

    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))

    # the key of a signature is short, a signature of two keys is not: the limit must apply to both
    check_failures(work, "no room in a file", full, no_room, ["could not be written (File too large)"])
    (closed / "run").chmod(0o555)
    closed.chmod(0o555)

    check_failures(
        work,
        "permission denied",
        closed,
        _drop_root_access,
        ["Permission denied"],
        ("convert", "report", "sign", "train", "keygen", *EXPORTS),
    )
    if root and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], check=False).returncode == 0:
        try:
            (small / "good.snnb").write_bytes(Path("good.snnb").read_bytes()[:1000])
            (small / "run").mkdir()
            (small / "filler").write_bytes(bytes(2**20 - 8 * 4096))
            commands = ("convert", "report", "train", *EXPORTS)
            check_failures(work, "disk full", small, lambda: None, ["No space left on device"], commands)
            subprocess.run(["mount", "-o", "remount,ro", small], check=True)
            check_failures(
                work,
                "read-only",
                small,
                lambda: None,
                ["Read-only file system"],
                ("convert", "report", "train", "keygen", *EXPORTS),
            )
        finally:
            subprocess.run(["umount", small], check=True)


def memory(work):
    """Run commands that need more memory than is available."""
    folder = _folder(work.folder / "memory")
    for margin in (1, 4):

        def no_memory(margin=margin * 2**20):
            with open("/proc/self/statm") as file:
                now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            resource.setrlimit(resource.RLIMIT_AS, (now + margin, now + margin))

        check_failures(
            work,
            f"{margin} MB of memory",
            folder,
            no_memory,
            ["out of memory"],
            ("convert", "train"),
            may_end_well=True,
        )
    messages = [message for name, reports in work.outcomes.items() if "memory" in name for message in reports.values()]
    if not any("out of memory" in message for message in messages):
        work.wrong.append(f"out of memory: no command ran out of it: {messages}")
