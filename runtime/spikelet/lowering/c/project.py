"""Write a program as a folder of C with a Makefile and a self-test."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import wrap
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet.choices import C_PREFIX
from spikelet.escapes import markdown
from spikelet.files.atomic import Pieces, Text
from spikelet.lowering.c.plan import Ints, struct_bytes
from spikelet.lowering.c.program import Program
from spikelet.lowering.c.text import templates
from spikelet.lowering.c.text.declarations import members, struct
from spikelet.lowering.c.text.names import comment, string
from spikelet.lowering.c.text.prefix import bound, check_prefix, renamed
from spikelet.lowering.c.text.sources import content

PREFIX = "PREFIX"  # key of the prefix among the values of a template
MOST_STEPS = 2**31 - 1  # largest value of the int32_t that counts them
CHUNK = 1024  # lines of numbers that are written at a time


@dataclass(frozen=True)
class Recording:
    """Inputs of the self-test, with their logits and spikes.

    Attributes:
        inputs: Pixels, (N, *shape) integers.
        logits: Logits of each time-step, (T, N, K).
        fired: Number of spikes by layer, each (T, N).
    """

    inputs: Ints
    logits: npt.NDArray[np.int64]
    fired: Mapping[str, npt.NDArray[np.int64]]


def project(
    program: Program,
    name: str,
    digest: str,
    labels: Sequence[str],
    steps: int,
    recording: Recording,
    prefix: str = C_PREFIX,
    use: str = "",
    paths: Mapping[str, str] | None = None,
    span: tuple[float, float] | None = None,
) -> dict[str, Text]:
    """Return the texts of the files of the folder by name. Weights, which may be large, are written in pieces.

    Args:
        program: The network, for a window of one time-step.
        name: Title.
        digest: sha256 of the bundle.
        labels: Class names; empty if unknown.
        steps: Number of time-steps that are proven exact.
        recording: Inputs and outputs for the self-test.
        prefix: Prefix of public names and of file names.
        use: Paragraph of the README that replaces the one about "make test".
        paths: Paths of the files in a package, by name, for the README.
        span: Measured values that the pixels 0 and 255 stand for; None for images.

    Raises:
        UsageError: The prefix is not valid, or a name is already in use.
    """
    rule = templates.IMAGE_RULE[program.form] + ("" if span is None else templates.RANGE_RULE.format(*span))
    source = program.source(structs=False)
    check_prefix(prefix, source)
    shape = program.graph.input.shape
    names = {
        PREFIX: prefix,
        "TITLE": comment(name),
        "DIGEST": comment(digest or "unknown"),
        "FORM": program.form,
        "STEPS": str(min(steps, MOST_STEPS)),
        "SHAPE": " x ".join(map(str, shape)),
        "ORDER": templates.ORDER[program.layout] if len(shape) == 3 else "[value]",
        "LOW": str(program.graph.input.low),
        "HIGH": str(program.graph.input.high),
        "IMAGE": templates.IMAGE[program.form],
        "RANGE": "" if span is None else renamed(templates.RANGE.format(*span), prefix),
        "RULE": renamed(rule, prefix),
        "HEADERS": templates.HEADERS[program.form],
        "WARNINGS": templates.WARNINGS[program.form],
    }
    return {
        f"{prefix}.h": _header(program, names, labels),
        f"{prefix}.c": _model(program, source, names, labels),
        f"{prefix}_weights.c": Pieces(partial(_weights, program, names)),
        "main.c": _main(program, names, recording),
        "Makefile": _fill(templates.MAKEFILE, names | {"FLAGS": templates.FLAGS[program.form]}),
        "README.md": _readme(program, names, name, labels, use, paths or {}),
    }


class Sizes(NamedTuple):
    """Bytes of constants (`flash`) and of the memory of an instance (`ram`), without code and stack."""

    flash: int
    ram: int


def sizes(program: Program) -> Sizes:
    """Return the sizes of a program, from its parameters and fields."""
    flash = sum(parameter.values.nbytes for parameter in program.parameters)
    total = 4 * (2 + program.graph.classes)  # the fields that _structs adds
    return Sizes(flash, struct_bytes(program.state, total + program.window * struct_bytes(program.work)))


def _header(program: Program, names: dict[str, str], labels: Sequence[str]) -> str:
    graph, image = program.graph, program.plan.values[program.graph.input_name]
    work, state = _structs(program)
    return _fill(
        templates.HEADER,
        names
        | {
            "PIXEL": program.pixel_type,
            "TYPICAL": str(min(4, int(names["STEPS"]))),
            "BUNDLE": string(names["DIGEST"]),
            "PIXELS": str(graph.neurons(graph.input_name)),
            "CHANNELS": str(image.channels),
            "HEIGHT": str(image.height),
            "WIDTH": str(image.width),
            "CLASSES": str(graph.classes),
            "LAYERS": str(len(graph.spiking)),
            "KEEPS": str(int(program.keeps_image)),
            "FLASH": str(sizes(program).flash),
            "SCALE": repr(graph.output.scale),
            "WORK": renamed(work, names[PREFIX]),
            "STATE": renamed(state, names[PREFIX]),
            "LABELS": renamed("\nextern const char *const model_labels[MODEL_CLASSES];\n", names[PREFIX])
            if labels
            else "",
        },
    )


def _structs(program: Program) -> tuple[str, str]:
    """Return the declaration of the workspace, empty without one, and the fields of an instance."""
    fields = [("uint32_t ready", "whether it was reset"), ("int32_t steps", "since the reset")]
    fields.append((f"int32_t total[{program.graph.classes}]", "logits, summed since the reset"))
    work = ""
    if program.work:
        arrays = [(f"{program.ctype(field)} {field.name}[{field.count}]", field.meaning) for field in program.work]
        work = struct("/* workspace of one time-step */\nstruct work", arrays) + "\n"
        fields.append(("struct work work", "workspace of one time-step"))
    fields += [(f"{program.ctype(field)} {field.name}[{field.count}]", field.meaning) for field in program.state]
    return work, members(fields)


def _model(program: Program, source: str, names: dict[str, str], labels: Sequence[str]) -> str:
    prefix = names[PREFIX]
    parts = [
        _fill(templates.MODEL_HEAD, names) + bound(source, prefix),
        "/* ---- interface ---- */\n",
        _strings(renamed("model_layers[MODEL_LAYERS]", prefix), program.graph.spiking),
        *([_strings(renamed("model_labels[MODEL_CLASSES]", prefix), labels)] if labels else []),
        renamed(content(f"{program.form}/one_sample.h"), prefix),
        renamed(content("shared/model.c"), prefix),
    ]
    return "\n".join(parts)


def _strings(declaration: str, texts: Sequence[str]) -> str:
    lines = "".join(f"    {string(text)},\n" for text in texts)
    return f"const char *const {declaration} = {{\n{lines}}};\n"


def _weights(program: Program, names: dict[str, str]) -> Iterator[str]:
    yield _fill(templates.WEIGHTS_HEAD, names | {"ALIGNMENT": templates.ALIGNMENT[program.form]})
    yield f"\n{program.parameter_struct().rstrip()}\n"
    for parameter in program.parameters:
        values = parameter.values
        yield f"\n/* {comment(parameter.meaning)} */\n"
        yield f"static const {parameter.ctype} {parameter.name}[{len(values)}] ALIGNED = {{\n"
        yield from number_lines(values)
        yield "\n};\n"
    fields = "".join(f"    {parameter.name},\n" for parameter in program.parameters)
    variable = renamed("const struct parameters model_parameters", names[PREFIX])
    yield f"\nextern {variable}; /* external in C++ too */\n{variable} = {{\n{fields}}};\n"


def _main(program: Program, names: dict[str, str], recording: Recording) -> str:
    steps, images, _ = recording.logits.shape
    logits = recording.logits.transpose(1, 0, 2).reshape(-1)
    fired = np.stack([recording.fired[name] for name in program.graph.spiking]).transpose(2, 1, 0).reshape(-1)
    inputs = recording.inputs
    if program.layout == "hwc" and inputs.ndim == 4:
        inputs = np.moveaxis(inputs, 1, -1)
    head = _fill(
        templates.MAIN_HEAD,
        names
        | {
            "IMAGES": str(images),
            "REPLAYED": str(steps),
            "INPUTS": numbers(inputs.reshape(-1)),
            "LOGITS": numbers(logits),
            "FIRED": numbers(fired),
        },
    )
    return head + renamed(content("shared/selftest.c"), names[PREFIX])


def _readme(
    program: Program, names: dict[str, str], title: str, labels: Sequence[str], use: str, paths: Mapping[str, str]
) -> str:
    size = sizes(program)
    about = (
        f"Its classes are {', '.join(map(markdown, labels))}." if labels else f"It has {program.graph.classes} classes."
    )
    rows = "\n".join(
        f"| {markdown(name)} | {'x'.join(map(str, program.graph.shapes[name]))} | {program.graph.neurons(name):,} |"
        for name in program.graph.spiking
    )
    return _fill(
        templates.README,
        names
        | {
            "TITLE": markdown(title),
            "ABOUT": "\n".join(wrap(about, 115, break_long_words=False, break_on_hyphens=False)),
            "FLASH": f"{size.flash / 1024:,.0f}",
            "RAM": f"{size.ram / 1024:,.0f}",
            "LAYERS": rows,
            "USE": use or renamed(templates.BUILD[program.form], names[PREFIX]),
            "FILES": _file_table(names[PREFIX], size, paths),
        },
    )


def _file_table(prefix: str, size: Sizes, paths: Mapping[str, str]) -> str:
    meanings = {
        f"{prefix}.h": "the interface: reset, step, logits, answer, margin for early exit; one instance or several",
        f"{prefix}.c": "the network",
        f"{prefix}_weights.c": f"its constants, {size.flash / 1024:,.0f} KB",
        "main.c": "a self-test: replays recorded inputs and compares every logit",
    }
    return "\n".join(f"| `{paths.get(name, name)}` | {meaning} |" for name, meaning in meanings.items())


def numbers(values: Ints) -> str:
    """Return comma-separated numbers in lines of limited length."""
    return "".join(number_lines(values))


def number_lines(values: Ints) -> Iterator[str]:
    """Yield the parts of a text of comma-separated numbers in lines of limited length."""
    per_line = max(1, 110 // (max(len(str(values.min())), len(str(values.max()))) + 2))
    part = per_line * CHUNK  # a list of Python integers and texts takes 90 bytes per number
    for start in range(0, len(values), part):
        texts = list(map(str, values[start : start + part].tolist()))
        lines = [", ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
        yield ("    " if start == 0 else ",\n    ") + ",\n    ".join(lines)


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Replace the prefix and every @NAME@ of a template. Values that contain @NAME@ are not replaced again."""
    return re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], renamed(template, values[PREFIX]))
