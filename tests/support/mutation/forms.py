"""Functions that read small networks of all source formats; the networks are those of the tests of the readers."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import torch

import onnx_forms
from mutation.mutants import ROOT

Read = Callable[[], Any]
"""Reads a network with the modules that are imported at the time of the call; returns a `Source`."""


def forms(folder: Path) -> dict[str, Read]:
    """Return functions that read a network, by the name of the network.

    Args:
        folder: Folder for the files of the networks.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {**_onnx(folder), **_quantised(folder), **_qonnx(folder), **_torch(), **_loops(), **_nir()}


def _tests(name: str) -> ModuleType:
    path = next((ROOT / "tests" / "converters").rglob(f"{name}.py"))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _file(path: Path, **options: Any) -> Read:
    """Read an ONNX file of raw pixels, unless the options state another normalisation."""
    normalisation = options.pop("normalisation", {"scale": 1.0})

    def read() -> Any:
        from spikelet_converters.frontends.onnx import read as of_onnx
        from spikelet_converters.frontends.source import Preprocessing

        return of_onnx(path, Preprocessing(**normalisation), **options)

    return read


def _onnx(folder: Path) -> dict[str, Read]:
    coverage, tests = _tests("test_onnx_coverage"), _tests("test_onnx_forms")
    lines, inputs = coverage.TestLines(), tests.TestInputs()
    n, model, conv, tail, relu = onnx_forms.n, onnx_forms.model, onnx_forms.conv, onnx_forms.tail, onnx_forms.RELU
    readers: dict[str, Read] = {}

    def add(name: str, nodes: list[onnx.NodeProto], *, read: dict[str, Any] | None = None, **options: Any) -> None:
        path = model(folder / f"{len(readers)}.onnx", nodes, **options)
        if "ArgMax" in name:
            file = onnx.load(path)
            kind = onnx.TensorProto.INT32 if "Cast" in name else onnx.TensorProto.INT64
            file.graph.output[0].type.tensor_type.elem_type = kind
            onnx.save(file, path)
        readers[f"ONNX: {name}"] = _file(path, **read or {})

    for name, nodes in onnx_forms.FORMS.items():
        add(name, nodes)
    for name, nodes in coverage.FORMS.items():
        add(name, nodes, own=coverage.own())
    network = [*onnx_forms.body(relu)[:-1], n("Gemm", ["f", "f4", "bias"], ["z"], transB=1)]
    for name, (nodes, opset, _) in tests.ENDINGS.items():
        add(name, [*network, *nodes], opset=opset)
    own = {**lines.weights(), "zero5": np.array([0]), "five": np.array([5])}
    for name, nodes in lines.forms.items():
        add(f"line, {name}", nodes, shape=(3, 14), own=own)
    last = [n("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]), conv(("t", "w", "b")), relu, *tail()]
    add("channels last", last, shape=(9, 8, 3))
    normal = [
        n("Sub", ["x", "m3"], ["s"]),
        n("Div", ["s", "k"], ["d"]),
        n("Transpose", ["d"], ["t"], perm=[0, 3, 1, 2]),
    ]
    add("channels last, normalised", [*normal, *last[1:]], shape=(9, 8, 3))
    flat = [n("Flatten", ["x"], ["f"]), *inputs.network("f")]
    add("flattened", flat, shape=(4, 3, 3), own=inputs.own)
    add("images without channels", flat, shape=(4, 9), own=inputs.own)
    add("vectors", inputs.network(), shape=(36,), own=inputs.own)
    add("vectors of images", inputs.network(), shape=(36,), own=inputs.own, read={"shape": (1, 4, 9)})
    pooled = [*onnx_forms.body(relu)[:2], n("AveragePool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
              n("Reshape", ["p", "sh"], ["f"]), n("Gemm", ["f", "f10", "bias"], ["y"], transB=1)]  # fmt: skip
    add("a batch of 4", pooled, batch=4, own={"sh": np.array([4, -1])})
    cast = [
        n("Cast", ["x"], ["t"], to=onnx.TensorProto.FLOAT),
        n("Div", ["t", "k"], ["d"]),
        conv(("d", "w", "b")),
        relu,
    ]
    add("whole pixels", [*cast, *tail()], kind=onnx.TensorProto.UINT8)
    maximum = [*onnx_forms.body(relu)[:2], n("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2])]
    add("max pools as average pools", [*maximum, *tail("p")], read={"max_pools": "average"})
    colours = {"mean": (0.4, 0.5, 0.3), "std": (0.2, 0.3, 0.25)}
    for name in ("pads", "Pad before Conv", "BatchNormalization first", "MaxPool"):
        nodes = {**coverage.FORMS, **onnx_forms.FORMS}[name]
        add(f"{name}, normalised", nodes, own=coverage.own(), read={"normalisation": colours})
    several = [*onnx_forms.body(relu), n("Softmax", ["y"], ["prob"], axis=1)]
    add("one of two outputs", several, outputs=("y", "prob"), read={"output": "prob"})
    return readers


def _quantised(folder: Path) -> dict[str, Read]:
    """Write files in the QDQ format with the quantiser of ONNX Runtime, and return functions that read them."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Images(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter([{"x": onnx_forms.pixels(onnx_forms.SHAPE, 16)}])

        def get_next(self) -> Any:
            return next(self.batches, None)

    logging.getLogger().setLevel(logging.ERROR)  # hide the recommendation to preprocess the model
    readers: dict[str, Read] = {}
    kinds = {"u8s8": (QuantType.QUInt8, QuantType.QInt8), "s8s8": (QuantType.QInt8, QuantType.QInt8),
             "u8u8": (QuantType.QUInt8, QuantType.QUInt8)}  # fmt: skip
    for form in ("pads", "pre-activation residual", "pool of strides by axis", "Clip with bounds of shape (1,)"):
        for name, (activation, weight) in kinds.items():
            source = onnx_forms.model(folder / "float.onnx", onnx_forms.FORMS[form])
            path = folder / f"{name}{len(readers)}.onnx"
            quantize_static(
                str(source), str(path), Images(), quant_format=QuantFormat.QDQ, activation_type=activation,
                weight_type=weight, per_channel=form == "pads",
            )  # fmt: skip
            readers[f"ONNX: QDQ {name}, {form}"] = _file(path)
    return readers


def _qonnx(folder: Path) -> dict[str, Read]:
    tests = _tests("test_qonnx")
    readers = {}
    for name, (activation, _) in tests.ACTIVATIONS.items():
        readers[f"ONNX: Quant, {name}"] = _file(tests.network(folder / f"q{len(readers)}.onnx", activation))
    few, _ = tests.ACTIVATIONS["4 bits"]
    for name, weight in tests.WEIGHTS.items():
        readers[f"ONNX: Quant of weights, {name}"] = _file(tests.network(folder / f"q{len(readers)}.onnx", few, weight))
    path = tests.network(folder / "bipolar.onnx", few, (0.25, 0, 1, {}), ("Quant", "BipolarQuant"))
    return {**readers, "ONNX: BipolarQuant": _file(path)}


def _module(network: torch.nn.Module, shape: tuple[int, ...] = onnx_forms.SHAPE, **options: Any) -> Read:
    def read() -> Any:
        from spikelet_converters.frontends.source import Preprocessing
        from spikelet_converters.frontends.torch import from_module

        return from_module(network, shape, Preprocessing(scale=1.0), **options)

    return read


def _program(network: torch.nn.Module, shape: tuple[int, ...] = onnx_forms.SHAPE, *, dynamic: bool = False) -> Read:
    sizes = ({0: torch.export.Dim("batch")},) if dynamic else None
    program = torch.export.export(network, (torch.zeros(2, *shape),), dynamic_shapes=sizes)

    def read() -> Any:
        from spikelet_converters.frontends.source import Preprocessing
        from spikelet_converters.frontends.torch import from_program

        return from_program(program, Preprocessing(scale=1.0))

    return read


def _torch() -> dict[str, Read]:
    coverage, calls, outputs, fake = (
        _tests(f"test_{name}") for name in ("torch_coverage", "torch_calls", "torch_outputs", "fake_quant")
    )
    readers: dict[str, Read] = {}
    for index, (name, (call, channels)) in enumerate(coverage.CALLS.items()):
        network = coverage.Net(call, channels=channels).eval()
        readers[f"torch: {name}"] = _module(network)
        readers[f"exported: {name}"] = _program(network, dynamic=index % 2 == 0)
    for index, (layer, channels) in enumerate(coverage.LAYERS):
        torch.manual_seed(2)
        for parameter in layer.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        network = coverage.Net(None, layer, channels).eval()
        readers[f"torch: layer {index}"] = _module(network)
        readers[f"exported: layer {index}"] = _program(network)
    for name, network in coverage.LINES.items():
        readers[f"torch: line, {name}"] = _module(network.eval(), (3, 14))
        readers[f"exported: line, {name}"] = _program(network.eval(), (3, 14))
    for name, call in calls.BETWEEN.items():
        readers[f"torch: {name}"] = _module(calls.Net(call).eval())
    for name, (function, last, _) in calls.ENDS.items():
        network = calls.Net(end=function, last=last).eval()
        readers[f"torch: end, {name}"] = _module(network)
        readers[f"exported: end, {name}"] = _program(network)
    pools = calls.Net(lambda x: torch.max_pool2d(torch.relu(x), 2)).eval()
    readers["torch: max pools as average pools"] = _module(pools, max_pools="average")
    readers["torch: a branch on a size"] = _module(coverage.Branching().eval())
    for form, output in (("keys", "other"), ("index", "1")):
        readers[f"torch: output {output}"] = _module(outputs.Several(form).eval(), output=output)
    readers["torch: quantisation aware"] = _module(fake.network.__wrapped__(), fake.SHAPE)
    return readers


def _loops() -> dict[str, Read]:
    loops = _tests("test_time_loop")
    return {
        f"torch: loop, {kind.__name__}": _module(kind().eval(), (loops.F,))
        for kind in (
            loops.Stacked, loops.StackedSum, loops.Averaged, loops.AddedInPlace, loops.CurrentOutside, loops.Sequence
        )
    }  # fmt: skip


def _nir() -> dict[str, Read]:
    import nir

    from networks import small_graph
    from spikelet_converters.exports.nir import to_nir

    tests, lines = _tests("test_nir"), _tests("test_nir_lines")
    networks: dict[str, Any] = {str(seed): to_nir(small_graph(seed)) for seed in range(4)}
    for network in networks.values():
        network.metadata.clear()
    networks["annotated"] = to_nir(small_graph(5))
    mark = next(mark for mark in tests.test_neurons_of_nir_by_eulers_step.pytestmark if mark.name == "parametrize")
    for index, neuron in enumerate(mark.args[1]):
        layers = [nir.Linear(tests.WEIGHT), neuron, nir.Affine(np.eye(2, dtype=np.float32), tests.full(0.1))]
        networks[f"neuron {index}"] = tests.nir_of(*layers)
    inner = nir.NIRGraph.from_list(nir.Affine(tests.WEIGHT, tests.full(0.1)), nir.IF(tests.full(1), tests.full(1)),
                                   type_check=False)  # fmt: skip
    out = nir.CubaLI(tests.full(2e-4), tests.full(4e-4), tests.full(3), tests.full(0))
    networks["nested"] = tests.nir_of(inner, nir.Linear(tests.WEIGHT[:, :2]), out)
    rng = np.random.default_rng(2)
    for name, options in lines.CONV1D.items():
        weight = rng.normal(0, 0.5, (4, 4 // options["groups"], 3)).astype(np.float32)
        bias = rng.normal(0, 0.2, 4).astype(np.float32)
        shape = torch.nn.functional.conv1d(torch.zeros(1, 4, 12), torch.tensor(weight), **options).shape[1:]
        conv = nir.Conv1d(None, weight, *(options[key] for key in ("stride", "padding", "dilation", "groups")), bias)
        last = nir.Linear(rng.normal(size=(2, shape[0] * shape[1])).astype(np.float32))
        networks[f"line, {name}"] = lines.nir_of(
            conv, nir.Delay(np.zeros(shape)), lines.lif_of(shape), nir.Flatten({"input": np.array(shape)}, 0), last,
            shape=(4, 12),
        )  # fmt: skip

    def reader(network: Any) -> Read:
        def read() -> Any:
            from spikelet_converters.frontends.nir import from_nir

            return from_nir(network)

        return read

    return {f"NIR: {name}": reader(network) for name, network in networks.items()}
