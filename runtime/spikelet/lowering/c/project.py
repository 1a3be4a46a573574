"""Write a program as a folder of C with a Makefile and a self-test."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.lowering.c import templates
from spikelet.lowering.c.host import HostProgram
from spikelet.lowering.c.mcu import McuProgram
from spikelet.lowering.c.memory import SIZES
from spikelet.lowering.c.names import comment, string


@dataclass(frozen=True)
class Proof:
    """What the self-test replays. inputs: (N, *shape). logits: (T, N, K) of each time-step, as integers.
    fired: by layer, (T, N) spikes.
    """

    inputs: npt.NDArray[Any]
    logits: npt.NDArray[np.int64]
    fired: Mapping[str, npt.NDArray[np.int64]]


def project(
    program: HostProgram | McuProgram, name: str, digest: str, labels: Sequence[str], steps: int, proof: Proof
) -> dict[str, str]:
    """The files of the folder: name to text. steps: time-steps that are proven exact."""
    names = {"TITLE": comment(name), "DIGEST": comment(digest or "unknown"), "FORM": program.form}
    names["STEPS"] = str(steps)
    return {
        "model.h": _header(program, names, labels),
        "model.c": _model(program, names, labels),
        "model_weights.c": _weights(program, names),
        "main.c": _main(program, names, proof),
        "Makefile": _fill(templates.MAKEFILE, names | {"FLAGS": templates.FLAGS[program.form]}),
        "README.md": _readme(program, names, labels),
    }


def sizes(program: HostProgram | McuProgram) -> dict[str, int]:
    """Bytes: constant arrays (flash), and memory while it runs (RAM), without code and stack."""
    flash = sum(len(p.values) * SIZES[p.ctype] for p in program.parameters)
    row = getattr(program, "row_type", "")
    state, work = (sum(field.bytes(row) for field in fields) for fields in (program.state, program.work))
    return {"flash": flash, "ram": state + program.window * work}


def _header(program: HostProgram | McuProgram, names: dict[str, str], labels: Sequence[str]) -> str:
    graph, size = program.graph, sizes(program)
    return _fill(
        templates.HEADER,
        names
        | {
            "PIXEL": program.pixel_type,
            "SHAPE": " x ".join(map(str, graph.input.shape)),
            "LOW": str(graph.input.low),
            "HIGH": str(graph.input.high),
            "PIXELS": str(graph.neurons(graph.input_name)),
            "CLASSES": str(graph.classes),
            "LAYERS": str(len(graph.spiking)),
            "FLASH": str(size["flash"]),
            "RAM": str(size["ram"]),
            "KEEP": templates.KEEP[program.form],
            "LABELS": "\nextern const char *const model_labels[MODEL_CLASSES];\n" if labels else "",
        },
    )


def _model(program: HostProgram | McuProgram, names: dict[str, str], labels: Sequence[str]) -> str:
    layers = "".join(f"    {string(name)},\n" for name in program.graph.spiking)
    text = ""
    if labels:
        lines = "".join(f"    {string(label)},\n" for label in labels)
        text = f"\nconst char *const model_labels[MODEL_CLASSES] = {{\n{lines}}};\n"
    head = _fill(templates.MODEL_HEAD, names)
    interface = _fill(templates.INTERFACE[program.form], {"LAYERS": layers, "LABELS": text})
    return head + program.source() + "\n" + interface


def _weights(program: HostProgram | McuProgram, names: dict[str, str]) -> str:
    parts = [_fill(templates.WEIGHTS_HEAD, names)]
    parts.append(program.parameter_struct().rstrip() + "\n")
    for p in program.parameters:
        values = p.values
        parts.append(
            f"/* {comment(p.meaning)} */\nstatic const {p.ctype} {p.name}[{len(values)}] ALIGNED = "
            f"{{\n{numbers(values)}\n}};\n"
        )
    fields = "".join(f"    {p.name},\n" for p in program.parameters)
    parts.append(f"const struct parameters model_parameters = {{\n{fields}}};\n")
    return "\n".join(parts)


def _main(program: HostProgram | McuProgram, names: dict[str, str], proof: Proof) -> str:
    steps, images, _ = proof.logits.shape
    logits = proof.logits.transpose(1, 0, 2).reshape(-1)
    fired = np.stack([proof.fired[name] for name in program.graph.spiking]).transpose(2, 1, 0).reshape(-1)
    return _fill(
        templates.MAIN,
        names
        | {
            "IMAGES": str(images),
            "REPLAYED": str(steps),
            "INPUTS": numbers(proof.inputs.reshape(-1)),
            "LOGITS": numbers(logits),
            "FIRED": numbers(fired),
        },
    )


def _readme(program: HostProgram | McuProgram, names: dict[str, str], labels: Sequence[str]) -> str:
    size = sizes(program)
    about = (
        f"Its classes are {', '.join(map(comment, labels))}." if labels else f"It has {program.graph.classes} classes."
    )
    rows = "\n".join(
        f"| {comment(name)} | {'x'.join(map(str, program.graph.shapes[name]))} | {program.graph.neurons(name):,} |"
        for name in program.graph.spiking
    )
    return _fill(
        templates.README,
        names
        | {
            "ABOUT": "\n".join(wrap(about, 115)),
            "FLASH": f"{size['flash'] / 1024:,.0f}",
            "RAM": f"{size['ram'] / 1024:,.0f}",
            "LAYERS": rows,
            "BUILD": templates.BUILD[program.form],
            "KEEP": templates.KEEP[program.form],
        },
    )


def numbers(values: npt.NDArray[Any]) -> str:
    """Return comma-separated numbers in lines of limited length."""
    texts = [str(value) for value in values.tolist()]
    per_line = max(1, 110 // (max(map(len, texts)) + 2))
    lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
    return "    " + ",\n    ".join(lines)


def _fill(template: str, values: Mapping[str, str]) -> str:
    """A template with @NAME@ replaced; in one pass, so that a value cannot bring names of its own."""
    return re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], template)
