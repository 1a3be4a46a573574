"""Rules that concern several members of a bundle: arithmetic, bits per weight, proven and recorded time-steps."""

from __future__ import annotations

from spikelet.bounds.magnitudes import check_magnitudes
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle.golden import MEMBER, Golden
from spikelet.bundle.manifest import Manifest
from spikelet.bundle.schema import WEIGHTS
from spikelet.errors import BundleError, GraphError
from spikelet.graph import Graph
from spikelet.nodes import Weighted


def check_arithmetic(graph: Graph, manifest: Manifest) -> None:
    """Check that no value of the network overflows or rounds within the time-steps that the manifest states.

    Raises:
        BundleError: A value of a float32 network can overflow; or `exact_steps` of an exact network is missing or more
            than the weights allow, or a weight does not fit into `bits`.
    """
    try:
        if not graph.exact:
            check_magnitudes(graph)
            return
        proven = exact_steps(graph)
    except GraphError as error:
        raise BundleError(str(error)) from None
    # a later version may prove more time-steps than the writer's version, but not fewer
    if manifest.exact_steps is None or not 1 <= manifest.exact_steps <= proven:
        raise BundleError.at(
            "manifest.json",
            f"exact_steps: expected 1 to {proven}, as proven from the weights, found {manifest.exact_steps}",
            expected=f"1 to {proven}",
            found=str(manifest.exact_steps),
        ).within("manifest.json")
    _check_bits(graph, manifest.bits)


def check_recording(manifest: Manifest, golden: Golden) -> None:
    """Raise BundleError if the golden inputs run for more time-steps than are proven exact."""
    if manifest.exact_steps is not None and golden.steps > manifest.exact_steps:
        raise BundleError.at(
            MEMBER,
            f"logits: {golden.steps} time-steps, expected at most exact_steps, {manifest.exact_steps}",
            expected=f"at most {manifest.exact_steps} time-steps",
            found=str(golden.steps),
        ).within(MEMBER)


def _check_bits(graph: Graph, bits: int | None) -> None:
    if bits is None:
        raise BundleError.at("manifest.json.bits", "expected the bits per weight of an exact bundle, found null")
    least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    for name, node in graph.nodes.items():
        if not isinstance(node, Weighted):
            continue
        weights = node.weights
        if weights.min() < least or weights.max() > most:
            found = f"{weights.min()}…{weights.max()}"
            raise BundleError.at(
                f"{WEIGHTS}: {name}.{node.weight_field}",
                f"expected weights of {bits} bits, {least}…{most}, as manifest.json.bits says, found {found}",
                expected=f"{least}…{most}",
                found=found,
            ).within(WEIGHTS)
