"""Names and defaults of options.

The help texts of commands list them. This module imports only the standard library, so that help is fast.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

# By name, "module:class". Modules are imported on first use.
ENGINES: dict[str, str] = {
    "numpy": "spikelet.engines.numpy:NumpyEngine",
    "onnx": "spikelet.engines.onnx:OnnxEngine",
    "native": "spikelet.engines.native:NativeEngine",
}

DEFAULT_STEPS = 8
MAX_COPIES = 255  # so that a count of spikes fits into a byte
MAX_LEVELS = 4096  # of a quantiser: histograms have as many bins

Layout = Literal["auto", "NCHW", "NHWC", "NHW", "CHW", "HWC", "HW", "NF", "NCL", "NLC", "CL", "LC", "NL"]
LAYOUTS: tuple[Layout, ...] = (
    "auto", "NCHW", "NHWC", "NHW", "CHW", "HWC", "HW", "NF", "NCL", "NLC", "CL", "LC", "NL",
)  # fmt: skip
Split = Literal["auto", "train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
Binning = Literal["time", "count"]
BINNINGS: tuple[Binning, ...] = ("time", "count")
FEATURES = ("log-mel",)  # computed from sound recordings

FrameFormat = Literal["rgb24", "bgr24", "gray", "yuyv"]
FRAME_FORMATS: tuple[FrameFormat, ...] = ("rgb24", "bgr24", "gray", "yuyv")

MAIN_PROFILE = "cmos45-int8"  # hardware profile, used by default
PROFILES = Path(__file__).parent / "metrics" / "profiles"
BUFFER = 2**20  # bytes of on-chip memory of a layer

FAULTS = ("weight-bits", "stuck-off", "stuck-on", "dropped", "spurious", "threshold", "input-noise")
FAULT_SEEDS = 3

C_PREFIX = "model"  # of the public names of exported C


def profiles() -> list[str]:
    """Return the names of the built-in hardware profiles, which are those of their files."""
    return sorted(path.stem for path in PROFILES.glob("*.toml"))
