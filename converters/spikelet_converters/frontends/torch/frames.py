"""Frames of the input that a loop over time reads, one at each time-step."""

from __future__ import annotations

import operator

from torch import fx


def position_of(index: object) -> tuple[int, int]:
    """Return the axis and the position of an index such as [2] or [:, 2], or (0, -1) for another one."""
    entries = index if isinstance(index, tuple) else (index,)
    numbers = [axis for axis, entry in enumerate(entries) if type(entry) is int and entry >= 0]
    if len(numbers) != 1 or any(entry not in (slice(None), ...) for entry in entries if type(entry) is not int):
        return 0, -1
    (axis,) = numbers
    position = entries[axis]
    assert isinstance(position, int)
    if ... in entries[:axis]:
        return axis - len(entries), position  # counted from the last axis
    return axis, position


def frames_of(graph: fx.Graph, steps: int) -> tuple[int | None, dict[fx.Node, int]]:
    """Return the axis of the frames of the input, and the frame that each node reads.

    An index of another axis than the first, such as x[:, t], is one of a frame if the network reads one in each of the
    time-steps.
    """
    by_axis: dict[int, dict[fx.Node, int]] = {}
    for node in graph.nodes:
        source = node.args[0] if node.args else None
        if node.target is not operator.getitem or not isinstance(source, fx.Node) or source.op != "placeholder":
            continue
        axis, frame = position_of(node.args[1])
        if source.prev.op == "root" and frame >= 0:  # else the state of a neuron
            by_axis.setdefault(axis, {})[node] = frame
    axes = [axis for axis, frames in by_axis.items() if axis == 0 or set(frames.values()) == set(range(steps))]
    return (axes[0], by_axis[axes[0]]) if axes else (None, {})
