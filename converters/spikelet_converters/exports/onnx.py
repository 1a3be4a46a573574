"""Export a bundle as plain ONNX files, which need only an ONNX runtime.

step.onnx     one time-step, weights inside: input, v:LAYER -> logits, s:LAYER, v_next:LAYER; v:LAYER:I of copy I
start.onnx    the initial states: input -> v:LAYER
golden.npz    inputs, and the expected logits of every time-step
README.md     the loop that runs them, in Python and in C++
"""

from __future__ import annotations

import io
import math
import re
from importlib import resources
from pathlib import Path

import numpy as np

from spikelet import options
from spikelet.bounds import cost
from spikelet.bundle import Bundle
from spikelet.escapes import markdown
from spikelet.files.atomic import write_files
from spikelet.graph import Graph
from spikelet.limits import Limits
from spikelet.lowering.onnx import step as lowering
from spikelet.lowering.onnx.names import INPUT, name_of
from spikelet.lowering.onnx.protobuf import OnnxGraph
from spikelet.nodes import IF

FILES = ("step.onnx", "start.onnx", "golden.npz", "README.md")
COPIES = 5  # number of copies of an encoded model in memory


def export(bundle: Bundle, folder: str | Path) -> list[Path]:
    """Write the files into a folder, which is created if necessary, and return their paths.

    Raises:
        UsageError: An argument is of a wrong type.
        CostError: The model needs more memory than the limits of the environment permit.
        SpikeletError: The folder is not writable or the disk is full.

    Examples:
        >>> import tempfile
        >>> from spikelet import bundle, shipped
        >>> contents = bundle.read(shipped.named("vgg5-fashion-mnist"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     [path.name for path in export(contents, folder)]
        ['step.onnx', 'start.onnx', 'golden.npz', 'README.md']
    """
    options.instance("bundle", bundle, Bundle)
    folder = options.path("folder", folder)
    size = lowering.embedded(bundle.graph) + 4 * cost.weights(bundle.graph)
    Limits().check(f"an ONNX model of {size:,} bytes", COPIES * size)
    golden = io.BytesIO()
    np.savez(golden, input=bundle.golden.inputs.astype(np.float32), logits=bundle.golden.logits)
    models = lowering.step_model(bundle.graph), start_model(bundle.graph)
    contents: dict[str, str | bytes] = dict(zip(FILES, (*models, golden.getvalue(), readme(bundle)), strict=True))
    write_files(folder, contents)
    return [folder / name for name in contents]


def start_model(graph: Graph) -> bytes:
    """Return the initial potentials of a batch as a model: input (N, …) -> v:LAYER (N, …)."""
    onnx = OnnxGraph("start")
    onnx.input(INPUT, ("N", *graph.input.shape))
    sizes = onnx.node("Shape", [INPUT], "constant:sizes")
    first = onnx.constant("constant:first", np.zeros(1, np.int64))
    batch = onnx.node("Gather", [sizes, first], "constant:batch", axis=0)
    for name in graph.spiking + graph.integrators:
        node, shape = graph.nodes[name], graph.shapes[name]
        start = node.v_init if isinstance(node, IF) else np.zeros(shape[0])
        sample = onnx.constant(name_of("shape", name), np.array(shape, np.int64))
        whole = onnx.node("Concat", [batch, sample], name_of("whole", name), axis=0)
        indices = lowering.copies(graph, name)
        for copy, index in enumerate(indices):
            value = np.asarray(start[copy :: len(indices)], np.float32).reshape(1, -1, *(1,) * (len(shape) - 1))
            initial = onnx.constant(name_of("v_init", name, *index), value)
            onnx.node("Expand", [initial, whole], name_of("v", name, *index))
            onnx.output(name_of("v", name, *index), ("N", *shape))
    return onnx.encode()


def readme(bundle: Bundle) -> str:
    """Return the README of the files."""
    graph, steps = bundle.graph, bundle.manifest.exact_steps
    limit = "Arithmetic is float32: runtimes agree up to ties of a potential with its threshold."
    if steps is not None:
        limit = f"Exact for {steps} time-steps: within them every runtime that adds products gives the same spikes."
    values = {
        "NAME": markdown(bundle.manifest.name),
        "SHAPE": ", ".join(map(str, graph.input.shape)),
        "VALUES": str(math.prod(graph.input.shape)),
        "LOW": str(graph.input.low),
        "HIGH": str(graph.input.high),
        "SCALE": repr(graph.output.scale),
        "LIMIT": limit,
        "CLASSES": str(graph.classes),
        "STEPS": str(min(8, steps or 8)),
    }
    text = (resources.files(__package__) / "onnx_readme.md").read_text("utf-8")
    return re.sub(f"@({'|'.join(values)})@", lambda match: values[match[1]], text)
