"""The command lines that convert a bundle to a setting and run it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from spikelet.bundle import SUFFIX
from spikelet.escapes import shell_line
from spikelet_converters.conversion.copies import Start
from spikelet_converters.planning.settings import Setting


def command_lines(setting: Setting, bundle: str, converted: bool, start: Start, data: Sequence[str] = ()) -> list[str]:
    """Return the command lines of a setting.

    Args:
        setting: The setting.
        bundle: Path of the bundle, or the name of a shipped one.
        converted: Whether the bundle must be converted first; False for a setting with the copies of the bundle.
        start: Initial potentials of the copies.
        data: Path of the images to run and the options that select them; () for the shipped images.

    Examples:
        >>> command_lines(Setting(4, 1), "vgg9-cifar10", True, "half")[1]
        'spikelet run vgg9-cifar10-x4.snnb --steps 1'
    """
    lines, path = [], bundle
    if converted:
        path = f"{PurePath(bundle).name.removesuffix(SUFFIX)}-x{setting.copies}{SUFFIX}"
        convert = ["spikelet", "convert", bundle, "--copies", str(setting.copies)]
        convert += ["--copies-start", start] if start != "half" else []
        lines.append(shell_line([*convert, "--steps", str(setting.steps), "-o", path]))
    run = ["spikelet", "run", path, *data, "--steps", str(setting.steps)]
    run += [] if setting.margin is None else ["--early-exit", f"{setting.margin:g}"]
    return [*lines, shell_line(run)]
