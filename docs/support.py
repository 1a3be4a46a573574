"""Write docs/support.md from the readers themselves: python docs/support.py"""

from __future__ import annotations

from pathlib import Path

from spikelet_converters.frontends import frameworks as peers
from spikelet_converters.frontends import nir, onnx
from spikelet_converters.frontends import torch_export as aten
from spikelet_converters.frontends import torch_fx as trace

HEAD = """# What is read

Written by `python docs/support.py` from the readers' own tables; a test fails when it is out of date. Everything that
is not here is refused before any work, by name, with its place in the source network.
"""
TORCH = {
    "Conv2d": "zero padding of numbers or same, groups, stride; dilation 1",
    "Linear": "",
    "BatchNorm1d, BatchNorm2d": "folded into the layer before it",
    "AvgPool2d, AdaptiveAvgPool2d(1)": "without padding; becomes a SumPool2d",
    "MaxPool2d": "only replaced by average pooling, with --max-pool average",
    "ReLU, ReLU6, Hardtanh(0, b)": "with --calibration: a neuron whose threshold is found; shared modules too",
    "relu, relu6, hardtanh, clamp(0, b) as functions": "the same",
    "SpikingActivation": "keeps its threshold",
    "FakeQuantize (torch.ao), QuantReLU (Brevitas)": "zero point 0, by tensor: theta = scale times levels",
    "qat.Conv2d, qat.Linear, ConvBn2d, ConvBnReLU2d, ConvReLU2d, LinearReLU (torch.ao)": "with their quantised weights",
    "QuantConv2d, QuantLinear (Brevitas)": "with their quantised weights",
    "Flatten, flatten(1), view(N, -1), reshape(N, -1)": "",
    "+, add": "two values of one shape",
    "Dropout, Identity": "nothing in evaluation mode",
}


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return [*lines, *("| " + " | ".join(row).replace("|  |", "| |") + " |" for row in rows), ""]


def handlers(reader: type, names: dict[str, str]) -> list[str]:
    """What a reader has a method for, by the names that its format gives."""
    return sorted(name for name, method in names.items() if hasattr(reader, method))


def support() -> str:
    """The page."""
    from onnx import defs

    lines = [HEAD]
    lines += ["## Torch modules (`model.py:NAME`)", ""]
    lines += table(("module or call", "how"), [(f"`{name}`", how) for name, how in TORCH.items()])
    refused = sorted(each for each in trace.ADVICE.items() if "calibrate" not in each[1] and "_dis" not in each[0])
    lines += table(("refused", "what to do"), [(f"`{name}`", why) for name, why in refused])
    operators = sorted({each.name for each in defs.get_all_schemas() if each.domain == ""})
    lines += ["## ONNX (`model.onnx`)", ""]
    read = handlers(onnx._Reader, {name: f"_{name.lower()}" for name in operators})
    lines += ["Read: " + ", ".join(f"`{name}`" for name in read) + ".", ""]
    lines += table(("refused", "what to do"), [(f"`{name}`", why) for name, why in sorted(onnx.ADVICE.items())])
    lines += ["## torch.export programs (`model.pt2`)", ""]
    calls = [name[1:] for name in vars(aten._Reader) if name.startswith("_") and not name.startswith("__")]
    known = sorted({*calls, *aten.IDENTITY} - {"argument", "of_input"})
    lines += ["ATen calls read: " + ", ".join(f"`{name.strip('_')}`" for name in known) + ".", ""]
    lines += ["## Neurons of other frameworks", ""]
    rows = [(f"`{kind}`", (reader.__doc__ or "").split("\n")[0].rstrip(".")) for kind, reader in peers.NEURONS.items()]
    lines += table(("snnTorch, SpikingJelly, sinabs, Norse", "how it is read"), sorted(rows))
    lines += table(("refused", "what to do"), [(f"`{name}`", why) for name, why in sorted(peers.REFUSED.items())])
    lines += ["## NIR (`model.nir`)", ""]
    kinds = ("Affine", "Linear", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Scale", "Flatten", "IF", "LIF")
    kinds += ("CubaLIF", "I", "LI", "CubaLI", "Delay", "Threshold")
    read = handlers(nir._Reader, {name: f"_{name.lower()}" for name in kinds})
    lines += ["Read: " + ", ".join(f"`{name}`" for name in ["Input", "Output", "NIRGraph (nested)", *read]) + ".", ""]
    refused = [*sorted(nir.ADVICE.items()), ("a cycle", "recurrence has no node in IR version 1; its nodes are named")]
    lines += table(("refused", "what to do"), [(f"`{name}`", why) for name, why in refused])
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("support.md").write_text(support(), "utf-8")
