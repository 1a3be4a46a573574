"""Write a program as a folder of C with a Makefile and a self-test."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap

import numpy as np
import numpy.typing as npt

from spikelet.lowering.c import templates
from spikelet.lowering.c.names import comment, string
from spikelet.lowering.c.plan import Ints
from spikelet.lowering.c.program import Program
from spikelet.lowering.c.sources import content


@dataclass(frozen=True)
class Recording:
    """What the self-test replays.

    Attributes:
        inputs: Pixels, (N, *shape) integers.
        logits: Logits of each time-step, (T, N, K).
        fired: Number of spikes by layer, each (T, N).
    """

    inputs: Ints
    logits: npt.NDArray[np.int64]
    fired: Mapping[str, npt.NDArray[np.int64]]


def project(
    program: Program, name: str, digest: str, labels: Sequence[str], steps: int, recording: Recording
) -> dict[str, str]:
    """Return the files of the folder, name to text.

    Args:
        program: The network, for a window of one time-step.
        name: Title.
        digest: sha256 of the bundle.
        labels: Class names; empty if unknown.
        steps: Number of time-steps that are proven exact.
        recording: Inputs and outputs for the self-test.
    """
    names = {"TITLE": comment(name), "DIGEST": comment(digest or "unknown"), "FORM": program.form}
    names["STEPS"] = str(steps)
    return {
        "model.h": _header(program, names, labels),
        "model.c": _model(program, names, labels),
        "model_weights.c": _weights(program, names),
        "main.c": _main(program, names, recording),
        "Makefile": _fill(templates.MAKEFILE, names | {"FLAGS": templates.FLAGS[program.form]}),
        "README.md": _readme(program, names, labels),
    }


def sizes(program: Program) -> dict[str, int]:
    """Return the bytes of constant arrays (`flash`) and of all memory (`ram`), without code and stack."""
    flash = sum(parameter.values.nbytes for parameter in program.parameters)
    state, work = (sum(field.bytes for field in fields) for fields in (program.state, program.work))
    return {"flash": flash, "ram": state + program.window * work}


def _header(program: Program, names: dict[str, str], labels: Sequence[str]) -> str:
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
            "IMAGE": templates.IMAGE[program.form],
            "LABELS": "\nextern const char *const model_labels[MODEL_CLASSES];\n" if labels else "",
        },
    )


def _model(program: Program, names: dict[str, str], labels: Sequence[str]) -> str:
    parts = [
        _fill(templates.MODEL_HEAD, names) + program.source(),
        "/* ---- interface ---- */\n",
        _strings("model_layers[MODEL_LAYERS]", program.graph.spiking),
        *([_strings("model_labels[MODEL_CLASSES]", labels)] if labels else []),
        content(f"{program.form}/one_sample.h"),
        content("shared/model.c"),
    ]
    return "\n".join(parts)


def _strings(declaration: str, texts: Sequence[str]) -> str:
    lines = "".join(f"    {string(text)},\n" for text in texts)
    return f"const char *const {declaration} = {{\n{lines}}};\n"


def _weights(program: Program, names: dict[str, str]) -> str:
    parts = [_fill(templates.WEIGHTS_HEAD, names)]
    parts.append(program.parameter_struct().rstrip() + "\n")
    for parameter in program.parameters:
        values = parameter.values
        parts.append(
            f"/* {comment(parameter.meaning)} */\nstatic const {parameter.ctype} {parameter.name}[{len(values)}] "
            f"ALIGNED = {{\n{numbers(values)}\n}};\n"
        )
    fields = "".join(f"    {parameter.name},\n" for parameter in program.parameters)
    parts.append(f"const struct parameters model_parameters = {{\n{fields}}};\n")
    return "\n".join(parts)


def _main(program: Program, names: dict[str, str], recording: Recording) -> str:
    steps, images, _ = recording.logits.shape
    logits = recording.logits.transpose(1, 0, 2).reshape(-1)
    fired = np.stack([recording.fired[name] for name in program.graph.spiking]).transpose(2, 1, 0).reshape(-1)
    head = _fill(
        templates.MAIN_HEAD,
        names
        | {
            "IMAGES": str(images),
            "REPLAYED": str(steps),
            "INPUTS": numbers(recording.inputs.reshape(-1)),
            "LOGITS": numbers(logits),
            "FIRED": numbers(fired),
        },
    )
    return head + content("shared/selftest.c")


def _readme(program: Program, names: dict[str, str], labels: Sequence[str]) -> str:
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
            "IMAGE": templates.IMAGE[program.form],
        },
    )


def numbers(values: Ints) -> str:
    """Return comma-separated numbers in lines of limited length."""
    texts = [str(value) for value in values.tolist()]
    per_line = max(1, 110 // (max(map(len, texts)) + 2))
    lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
    return "    " + ",\n    ".join(lines)


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Return a template with every @NAME@ replaced, in one pass, so that names in a value are not replaced."""
    return re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], template)
