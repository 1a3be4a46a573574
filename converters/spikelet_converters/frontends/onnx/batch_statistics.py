"""Replace batch norm of (1, N C, H, W) by batch norm of (N, C, H, W), as torch's exporter writes InstanceNorm.

With statistics of the training data, the normalisation of every sample is the same. The exporter has a channel for
every channel of every sample, and repeats the parameters for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet_converters.frontends.onnx.definitions import Constants, makers_of
from spikelet_converters.frontends.onnx.rewriter import Rewriter

if TYPE_CHECKING:
    import onnx


def replaced(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with batch norm of images as they are; one that has samples as channels is copied."""
    makers = makers_of(model.graph)
    constants = Constants(model.graph)

    def sizes_of(reshape: onnx.NodeProto | None) -> list[int]:
        """Return the sizes to which a node reshapes, none for another node."""
        sizes = constants.get(reshape.input[1]) if reshape is not None and reshape.op_type == "Reshape" else None
        return [] if sizes is None else [int(size) for size in sizes.ravel()]

    def normalised(node: onnx.NodeProto) -> list[str] | None:
        """Return the value and the parameters of the batch norm after which a node separates the samples again."""
        after = sizes_of(node)
        norm = makers.get(node.input[0]) if after[:1] == [-1] else None
        if norm is None or norm.op_type != "BatchNormalization":
            return None
        before = makers.get(norm.input[0])
        tiles = [makers.get(name) for name in norm.input[1:]]
        parameters = [tile.input[0] for tile in tiles if tile is not None and tile.op_type == "Tile"]
        same = all(constants[name].shape == (after[1],) for name in parameters if name in constants)
        if before is None or sizes_of(before) != [1, -1, *after[2:]] or len(parameters) < len(tiles) or not same:
            return None
        return [before.input[0], *parameters]

    norms = {index: inputs for index, node in enumerate(model.graph.node) if (inputs := normalised(node))}
    if not norms:
        return model
    before = {index: makers[model.graph.node[index].input[0]] for index in norms}
    return Rewriter(model).replace({i: (norm.op_type, norms[i], norm) for i, norm in before.items()})
