"""A bundle: a network with its metadata and golden inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from spikelet import display
from spikelet.bundle import safetensors, schema, step
from spikelet.bundle.golden import Golden
from spikelet.bundle.manifest import Manifest
from spikelet.bundle.step import StepModel
from spikelet.choices import DEFAULT_STEPS
from spikelet.graph import Graph
from spikelet.inputs import MAX_STEPS

SUFFIX = ".snnb"
LARGEST_DEFAULT = 1024  # time-steps that are run without --steps


@dataclass(frozen=True, repr=False)
class Bundle:
    """A network with its metadata and golden inputs.

    Attributes:
        graph: The network.
        manifest: Metadata.
        golden: Golden inputs with their spikes and logits.
        card: Model card in Markdown.
        digest: SHA-256 of the file in hexadecimal, or "" if the bundle was not read from a file.
        stored_step: The file's step.onnx, or None if the bundle was not read from a file.
    """

    graph: Graph
    manifest: Manifest
    golden: Golden
    card: str
    digest: str = ""
    stored_step: StepModel | None = field(default=None, repr=False, compare=False)

    @property
    def step(self) -> StepModel:
        """One time-step as an ONNX model: the file's step.onnx, or the one that `write` would store."""
        if self.stored_step is not None:
            return self.stored_step
        return step.encode(self.graph, safetensors.encode(schema.encode(self.graph)[1]))

    @cached_property
    def step_limit(self) -> int | None:
        """Largest T of a run: `exact_steps`, or the T that the bundle was made for; None for float32.

        Beyond `exact_steps`, an engine proves that its own accumulators are wide enough, see `Engine.widen`.
        """
        exact, made_for = self.manifest.exact_steps, self._made_for
        return exact if exact is None or made_for is None else max(exact, made_for)

    @cached_property
    def default_steps(self) -> int:
        """Number of time-steps of a run without --steps: the T that the bundle was made for, or 8; at most 1024."""
        steps = DEFAULT_STEPS if self._made_for is None else min(self._made_for, LARGEST_DEFAULT)
        return steps if self.step_limit is None else min(steps, self.step_limit)

    @property
    def _made_for(self) -> int | None:
        """`--steps` of the conversion, if the manifest states it."""
        steps = self.manifest.conversion.get("steps")
        return steps if isinstance(steps, int) and not isinstance(steps, bool) and 1 <= steps <= MAX_STEPS else None

    def facts(self) -> dict[str, str]:
        """Return the entries of a summary by name."""
        manifest, graph = self.manifest, self.graph
        exact = f"exact within {manifest.exact_steps} time-steps, {manifest.bits} bits"
        return {
            "input": display.shape_text(graph.input.shape),
            "classes": str(graph.classes),
            "spiking layers": str(len(graph.spiking)),
            "neurons": f"{graph.neuron_count:,}",
            "arithmetic": exact if graph.exact else "float32",
        }

    def __repr__(self) -> str:
        """Return the name and the sizes of the network in one line."""
        return display.line("Bundle", self.manifest.name, self.facts())

    def _repr_html_(self) -> str:
        """Return a table for notebooks."""
        facts = self.facts() | {"labels": display.several(self.manifest.labels or ()) or "none"}
        return display.html(f"Bundle {self.manifest.name}", facts | {"sha256": self.digest or "not stored in a file"})
