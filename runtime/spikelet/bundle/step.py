"""The member step.onnx: write it from the graph, compare it with the graph, or audit it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from spikelet.bundle import safetensors
from spikelet.bundle.schema import WEIGHTS
from spikelet.errors import BundleError
from spikelet.graph import Graph
from spikelet.lowering.onnx import step as lowering
from spikelet.lowering.onnx.audit import audit
from spikelet.lowering.onnx.model import Model
from spikelet.lowering.onnx.protobuf import External, NameCollision

STEP = "step.onnx"
MAX_STEP = 2**22  # bytes of step.onnx, without weights


@dataclass(frozen=True)
class StepModel:
    """One time-step as an ONNX model, as it is stored in a bundle.

    Attributes:
        content: The encoded model.
        weights: Content of weights.safetensors, which contains its constants.
        version: Lowering version of the file.
    """

    content: bytes | memoryview
    weights: bytes | memoryview
    version: int = lowering.LOWERING_VERSION

    def __getstate__(self) -> dict[str, object]:
        """Return the fields for `pickle` and `copy`: views of a file's content become bytes."""
        return {"content": bytes(self.content), "weights": bytes(self.weights), "version": self.version}

    @property
    def compared(self) -> bool:
        """Whether the model has been compared with the graph, byte for byte."""
        return lowering.writes_version(self.version)

    def decode(self) -> Model:
        """Return the decoded model. It is audited at the first call only.

        Raises:
            BundleError: It contains something that spikelet does not write.
        """
        return self._audited

    @cached_property
    def _audited(self) -> Model:
        return audit(STEP, memoryview(self.content), _locations(self.weights))


def encode(graph: Graph, weights: bytes, version: int = lowering.LOWERING_VERSION) -> StepModel:
    """Write the step model of a graph, with its constants in `weights`, the content of weights.safetensors."""
    return StepModel(lowering.step_model(graph, _locations(weights), version), weights, version)


def check(graph: Graph, model: StepModel) -> None:
    """Check a stored step model.

    Raises:
        BundleError: It differs from the model that its lowering version writes for the graph or, if this version of
            spikelet cannot write it, is not empty and contains something that spikelet does not write.
    """
    content, version = model.content, model.version
    if len(content) > MAX_STEP:
        raise too_large(STEP, len(content), MAX_STEP)
    if version == 1 and graph.copied:
        raise BundleError.at(STEP, "lowering version 1 has no copies of neurons; expected another lowering_version")
    if not model.compared:
        if content:  # another writer may leave it out
            model.decode()
        return
    if lowering.embedded(graph) > len(content) or _written(graph, model) != bytes(content):
        raise BundleError.at(
            STEP, f"does not compute the graph of the manifest; it differs from what lowering version {version} writes"
        )


def too_large(member: str, size: int, limit: int) -> BundleError:
    """Return the error for a member of too many bytes."""
    expected, found = f"at most {limit} bytes", f"{size} bytes"
    error = BundleError.at(member, f"{size} bytes, expected at most {limit}", expected=expected, found=found)
    return error.within(member)


def _written(graph: Graph, model: StepModel) -> bytes:
    """Return the model that a lowering version writes for the graph."""
    try:
        return lowering.step_model(graph, _locations(model.weights), model.version)
    except NameCollision as error:
        remedy = "convert the network again"
        raise BundleError.at(
            STEP,
            f"does not compute the graph of the manifest; lowering version {model.version} gives two values the name "
            f"{str(error)!r}; {remedy}",
            remedy=remedy,
        ) from None


def _locations(weights: bytes | memoryview) -> dict[str, External]:
    offsets = safetensors.data_offsets(weights)
    return {name: External(WEIGHTS, offset, length) for name, (offset, length) in offsets.items()}
