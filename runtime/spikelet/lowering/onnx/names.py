"""Names of values and constants in lowered models.

A name is `ROLE:NODE` or `ROLE:NODE:INDEX`, with a role from `Role`. The name of a node contains no colon, so names of
different roles, nodes or time-steps differ for any names of nodes. Four kinds of names have another form:

    input, logits       the input and the output of the network
    NODE.FIELD          a tensor of the bundle, in its stored type
    f32:NODE.FIELD      the same in float32
    constant:VALUE      a number or list that several nodes use

The name of a stored tensor contains a dot and no colon; `input` and `logits` contain neither.
"""

from __future__ import annotations

from typing import Literal

INPUT, LOGITS = "input", "logits"
Role = Literal[
    # values: output of a node, spikes, potentials before and after a time-step, and the parts of a time-step
    "x", "s", "v", "v_next", "v_in", "v_kept", "v_share", "v_lost", "fired", "drop", "sum", "mean",
    # values of windows: spike counts, rows of all time-steps, images with channels last, unfolded pixels
    "n", "rows", "last", "padded", "taps_x", "taps_y", "columns_x", "columns_y", "number", "over", "spike_share",
    # values of windows of bytes: spikes so far, thresholds that a total has reached, and the parts of both
    "total", "missing", "reached", "total_rows", "with_bias", "scaled", "rounded",
    # counts of copies in closed form, one operation after another
    "once",
    # constants that are computed from a node's parameters
    "area", "share", "ones", "unit", "minus_theta", "start", "first_bias", "row_theta", "row_scale", "matrix", "pads",
    "kernel", "factor", "total_bias", "summand",
    # of `start.onnx`
    "shape", "whole", "v_init",
]  # fmt: skip


def name_of(role: Role, node: str, *index: int) -> str:
    """Return the name of a value or constant of a node. index: time-step, or position in a list of values."""
    return ":".join((role, node, *map(str, index)))


def in_float32(tensor: str) -> str:
    """Return the name of a stored tensor, NODE.FIELD, in float32."""
    return f"f32:{tensor}"


def version_1(name: str) -> str:
    """Return the name that lowering version 1 gave to a value or constant of a step model.

    These names can collide: `x.bias` is the output of a node `bias` and the bias of a node `x`.
    """
    role, _, node = name.partition(":")
    if not node:
        return name
    match role:
        case "f32":
            return f"{node}.f32"
        case "constant":
            return node
        case "area" | "share" | "ones":
            return f"{node}.{role}"
        case "mean":
            return f"x.{node}.mean"
        case "sum":
            node, _, index = node.partition(":")
            return f"x.{node}.{index}"
    return f"{role}.{node}"
