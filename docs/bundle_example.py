"""Write the generated parts of docs/bundle.md and docs/example.snnb: python docs/bundle_example.py [--bundle]

The bundle is written with --bundle only, since its bytes contain the version of spikelet. The parts are made from the
file and from the constants of the reader; a test checks that the page contains them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from spikelet import features
from spikelet.bounds import magnitudes
from spikelet.bounds.ranges import EXACT_LIMIT, MAX_STEPS, accumulators, exact_steps, ranges
from spikelet.bundle import (
    Bundle,
    Manifest,
    archive,
    card,
    golden,
    manifest,
    read,
    reader,
    records,
    safetensors,
    step,
    strict_json,
    write,
)
from spikelet.files import texts
from spikelet.graph import MAX_CHANNELS, MAX_NODES, Graph
from spikelet.graph import MAX_NAME as MAX_NODE_NAME
from spikelet.lowering.onnx import audit
from spikelet.nodes import IF, MAX_ELEMENTS, Input, Linear, Output, layers, neuron
from spikelet.verify import record_golden

DOCS = Path(__file__).resolve().parent
PAGE, EXAMPLE = DOCS / "bundle.md", DOCS / "example.snnb"
BLOCK = "<!-- generated: {} -->\n"
END = "<!-- end -->"


def example() -> Bundle:
    """The bundle of the page: two features, three neurons."""
    nodes = {
        "input": Input((2,), np.array([128, 0], np.int16)),
        "fc": Linear(np.array([[3, -2], [1, 4], [0, -5]], np.int8), np.array([10, -20, 0], np.int32)),
        "if1": IF(np.array([300, 200, 50], np.int32), np.array([150, 100, 25], np.int32)),
        "output": Output(0.5),
    }
    graph = Graph(nodes, (("input", "fc"), ("fc", "if1"), ("if1", "output")))
    described = Manifest("example", ("left", "right", "none"), 4, exact_steps(graph))
    return Bundle(graph, described, record_golden(graph, np.array([[200, 60]], np.uint8), 4), "# example\n")


def dump(content: bytes, start: int, end: int) -> Iterator[str]:
    """Lines of a hexadecimal dump of content[start:end], 16 bytes each; lines of zeros between others are left out."""
    skipped = False
    for offset in range(start, end, 16):
        row = content[offset : min(offset + 16, end)]
        if not any(row) and start < offset and offset + 16 < end:
            if not skipped:
                yield "*"
            skipped = True
            continue
        skipped = False
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{offset:06x}  {row.hex(' '):<47}  |{text}|"


def byte_lines(content: bytes) -> list[str]:
    """The container, member by member."""
    members = archive.unpack(content)
    positions = {}
    lines, offset = ["```text"], 0
    for name, data in members.items():
        padding = int.from_bytes(content[offset + 30 + len(name) + 2 :][:2], "little")
        start = offset + 30 + len(name) + 4 + padding
        positions[name] = offset
        lines += [f"local header of {name}: offset {offset}, p = {padding}, data at {start}, {len(data)} bytes"]
        if name == "manifest.json":
            lines += [*dump(content, offset, start + 32), "…"]
        elif name.endswith(".safetensors"):
            length = 8 + int.from_bytes(data[:8], "little")
            lines += [*dump(content, offset, start), "…", *dump(content, start + length, start + len(data))]
        offset = start + len(data)
    first = archive.CENTRAL.size + len("manifest.json")
    lines += [f"central record of manifest.json: offset {offset}", *dump(content, offset, offset + first), "…"]
    lines += ["end record", *dump(content, len(content) - archive.END.size, len(content)), "```", ""]
    return [*lines, *golden_lines(members)]


def golden_lines(members: dict[str, memoryview]) -> list[str]:
    """The headers of the tensors of the example, and its golden data in words."""
    tensors = safetensors.decode("golden.safetensors", members["golden.safetensors"])
    headers = [
        bytes(members[name])[8 : 8 + int.from_bytes(members[name][:8], "little")].decode().rstrip()
        for name in ("weights.safetensors", "golden.safetensors")
    ]
    rows = [[f"{byte:08b}" for byte in step.reshape(-1)] for step in tensors["spikes.if1"]]
    return [
        "The headers of `weights.safetensors` and `golden.safetensors`, without the spaces that pad them:",
        "",
        "```json",
        *headers,
        "```",
        "",
        f"One input, {tensors['input'][0].tolist()}, for {len(rows)} time-steps. The byte of `spikes.if1` is "
        + ", then ".join(f"`{row[0]}`" for row in rows)
        + f": neuron 0 is the first bit. `logits` is {tensors['logits'][:, 0].tolist()}; the sums after the last "
        f"time-step are {tensors['logits'].sum(0)[0].tolist()}, so the answer is class "
        f"{int(tensors['logits'].sum(0)[0].argmax())}, and the logits shown are "
        f"{(tensors['logits'].sum(0)[0] * 0.5).tolist()}.",
        "",
    ]


def step_lines(graph: Graph) -> list[str]:
    """The computation of `exact_steps` for the example."""
    fc, node, bounds = graph.nodes["fc"], graph.neuron("if1"), ranges(graph)
    assert isinstance(fc, Linear)
    limits = {accumulator.node: accumulator for accumulator in accumulators(graph)}
    lines = [
        f"weight {fc.weight.tolist()}, bias {fc.bias.tolist()}, theta {node.theta.tolist()}, v_init "
        f"{node.v_init.tolist()}, mean {graph.input.mean.tolist()}, pixels {graph.input.low}…{graph.input.high}.",
        "",
        "| | low | high | m | start | steps |",
        "|---|---|---|---|---|---|",
    ]

    def row(label: str, name: str, channel: int, accumulator: str | None) -> str:
        low, high = bounds[name].low[channel], bounds[name].high[channel]
        cells = [f"{low:.0f}", f"{high:.0f}", f"{bounds[name].magnitude[channel]:.0f}", "", ""]
        if accumulator is not None:
            start, per_step = limits[accumulator].start[channel], limits[accumulator].per_step[channel]
            cells[3:] = [f"{start:.0f}", f"⌊({EXACT_LIMIT} − {start:.0f}) / {per_step:.0f}⌋ = "
                         f"{(EXACT_LIMIT - start) // per_step:.0f}"]  # fmt: skip
        return f"| {label} | " + " | ".join(cells) + " |"

    lines += [row(f"`input`, channel {c}", "input", c, None) for c in range(2)]
    lines += [row(f"`fc` into `if1`, channel {c}", "fc", c, "if1") for c in range(3)]
    lines += [row(f"`output`, class {c}", "output", c, "output") for c in range(3)]
    return [*lines, "", f"The least is {exact_steps(graph)}.", ""]


def limit_lines() -> list[str]:
    """The table of limits, from the constants of the reader."""

    def power(value: float) -> str:
        exponent = int(np.frexp(value)[1]) - 1
        if value == 2.0**exponent and not 0 <= exponent < 14:
            return f"2^{exponent}".replace("^-", "^−")
        return f"2^{exponent + 1} − 1" if value == 2.0 ** (exponent + 1) - 1 and value > 2**14 else f"{value:,.0f}"

    rows = [
        ("size of the file", f"1 to {power(reader.MAX_FILE)} bytes"),
        ("alignment of a member's data", f"{archive.ALIGNMENT} bytes"),
        ("`step.onnx`", f"{power(step.MAX_STEP)} bytes"),
        ("`card.md`", f"{power(card.MAX_BYTES)} bytes"),
        ("JSON: bytes", power(strict_json.MAX_BYTES)),
        ("JSON: commas, braces and brackets that open", power(strict_json.MAX_VALUES)),
        ("JSON: levels", power(texts.MAX_DEPTH)),
        ("JSON: characters of a key", power(strict_json.MAX_KEY)),
        ("JSON: characters of a text", power(strict_json.MAX_TEXT)),
        ("JSON: characters of a whole number", power(strict_json.MAX_DIGITS)),
        ("characters of `name` and of a label", f"1 to {power(manifest.MAX_NAME)}"),
        ("characters of a node's name", f"1 to {power(MAX_NODE_NAME)}"),
        ("`lowering_version`", f"0 to {power(manifest.MAX_LOWERING)}"),
        ("`bits`", f"{manifest.BITS[0]} to {manifest.BITS[1]}"),
        ("whole numbers in `results` and `conversion`", f"0 to {power(records.MAX_COUNT)}"),
        ("magnitude of other numbers there", power(records.MAX_NUMBER)),
        ("`steps` of `conversion`", f"1 to {power(records.MAX_STEPS)}"),
        ("`levels` of `provenance`", f"1 to {records.MAX_LEVELS:,}"),
        (
            "`bands` and `frames` of log-mel features",
            " and ".join(f"{least} to {most:,}" for least, most in features.WHOLE.values()),
        ),
        ("nodes", power(MAX_NODES)),
        ("channels of all nodes together, each copy counted", power(MAX_CHANNELS)),
        ("copies of a neuron", f"1 to {power(neuron.MAX_COPIES)}"),
        ("elements of a tensor, and of a node's value for one sample, each copy counted", power(MAX_ELEMENTS)),
        ("attributes of a node", f"at most {power(MAX_ELEMENTS)}"),
        ("axes of a tensor", power(safetensors.MAX_AXES)),
        ("numbers of a shape, offsets of data", f"0 to {power(safetensors.MAX_NUMBER)}"),
        ("`low`, `high`", f"−{power(-layers.PIXELS[0])} to {power(layers.PIXELS[1])}"),
        ("magnitude of `mean`", power(layers.MEAN)),
        ("`decay`, exact", f"{neuron.SHIFTS[0]} to {neuron.SHIFTS[1]}"),
        ("`Output.scale`", f"{power(layers.SCALE[0])} to {power(layers.SCALE[1])}"),
        ("magnitude of values, exact", power(EXACT_LIMIT)),
        ("`exact_steps`", f"1 to {power(MAX_STEPS)}"),
        ("exponent of a node, float32", str(magnitudes.EXPONENT)),
        ("time-steps for which a float32 network cannot overflow", power(magnitudes.SAFE_STEPS)),
        ("T of golden inputs", f"1 to {power(golden.MAX_STEPS)}"),
    ]
    return ["| | limit |", "|---|---|", *(f"| {label} | {limit} |" for label, limit in rows), ""]


def operator_lines() -> list[str]:
    """Operators and attributes that a step model may contain."""
    lines = ["Operators: " + ", ".join(f"`{name}`" for name in sorted(audit.OPERATORS)) + ".", ""]
    lines += ["Attributes: " + ", ".join(f"`{name}`" for name in sorted(audit.ATTRIBUTES)) + ".", ""]
    lines += ["| message | fields: number and name in `onnx.proto` |", "|---|---|"]
    for message, fields in audit.FIELDS.items():
        lines.append(f"| {message} | " + ", ".join(f"{number} `{name}`" for number, name in fields.items()) + " |")
    return [*lines, ""]


def page(text: str) -> str:
    """Return the page with regenerated parts."""
    content = EXAMPLE.read_bytes()
    parts = {
        "bytes": byte_lines(content),
        "exact_steps": step_lines(read(EXAMPLE).graph),
        "operators": operator_lines(),
        "limits": limit_lines(),
    }
    for name, lines in parts.items():
        head = BLOCK.format(name)
        part = (head + "\n" + "\n".join(lines) + "\n" + END).replace("\\", r"\\")
        text, count = re.subn(re.escape(head) + ".*?" + re.escape(END), part, text, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"{PAGE}: expected one {head.strip()}, found {count}")
    return text


if __name__ == "__main__":
    if "--bundle" in sys.argv:
        write(example(), EXAMPLE)
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
