"""Commands that read no torch network do not import torch, which takes seconds and is missing on a board."""

import subprocess
import sys

MODULES = (
    "conversion.copied_bundle",
    "planning.plan",
    "planning.chart",
    "exports.nir",
    "exports.onnx",
    "frontends.onnx",
)


def test_copies_plans_and_exports_need_no_torch():
    imports = "; ".join(f"import spikelet_converters.{module}" for module in MODULES)
    line = f"import sys; {imports}; print('torch' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert process.stdout == "False\n"
