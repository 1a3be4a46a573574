"""Sizes of a network's C program, from which the native engine computes its memory before it allocates anything."""

from __future__ import annotations

from dataclasses import dataclass

from spikelet.bounds import cost
from spikelet.engines.native.compiler import product_bytes
from spikelet.graph import Graph, once_per_graph
from spikelet.lowering.c import HostProgram


@dataclass(frozen=True)
class ProgramSizes:
    """Sizes of a program in bytes, and of its window in time-steps.

    Attributes:
        state: State of one sample.
        work: Workspace of one thread and time-step.
        window: Time-steps that a thread evaluates together.
        copied: Neurons with copies of one sample, each of which has one byte.
        parameters: Weights and thresholds.
        proof: Memory for the proof of the exact range.
        neurons: Number of spiking neurons, copies included.
    """

    state: int
    work: int
    window: int
    copied: int
    parameters: int
    proof: int
    neurons: int


@once_per_graph
def program_sizes(graph: Graph) -> ProgramSizes:
    """Return the sizes of the host form of a network."""
    program = HostProgram(graph, product_bytes=product_bytes())
    return ProgramSizes(
        state=sum(field.bytes for field in program.state),
        work=sum(field.bytes for field in program.work),
        window=program.window,
        copied=program.plan.copied_count,
        parameters=program.plan.parameter_bytes(),
        proof=cost.proof_memory(graph),
        neurons=graph.neuron_count,
    )
