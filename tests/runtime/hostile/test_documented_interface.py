"""Every function and class that docs/api describes, and methods of images, graphs and engines: an argument of any type gives a SpikeletError or a result."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import spikelet
from awkward_values import VALUES
from networks import small_graph
from spikelet import bundle, copies, data, engines, inputs, metrics, nodes, signing, verify
from spikelet.bounds.ranges import exact_steps
from spikelet.deploy.firmware import c_files
from spikelet.errors import SpikeletError
from spikelet.graph import Graph
from spikelet.metrics.fanout import sites
from spikelet.metrics.operations import operations
from spikelet.metrics.tally import tally
from spikelet.signing import Policy

FOLDER = Path(__file__).resolve().parent
PAGES = ("spikelet", "bundles", "engines", "graph", "metrics", "c")
SHAPE = (3, 6, 6)
# results of functions, base classes, and modules of pure functions on arrays
NOT_CALLED = {
    "Result", "Step", "Plots", "SpikeletError", "errors", "Verification", "StepVerification", "Status", "Engine",
    "Workload", "Node", "neurons", "ranges", "Measurement", "Operations", "Estimate", "EnergyBaseline", "Profile", "Tally",
    "Sizes", "ExitRule", "required_here", "new_key", "builtin", "is_float", "check_size", "Add", "Flatten",
    "Weighted",
}  # fmt: skip
# tested in test_interface.py, with images and options of a run
ELSEWHERE = {"load", "Model", "Limits", "Margin", "Confidence"}


GRAPH = small_graph()
INTEGERS = np.ones(2, np.int8)
IMAGES = data.ImageSet(np.zeros((1, *SHAPE), np.uint8), None, None, "zeros")
Call = tuple[Callable[..., object], dict[str, object]]


@pytest.fixture(scope="module")
def calls(tmp_path_factory) -> dict[str, Call]:
    """By documented name, a function and valid arguments."""
    folder = tmp_path_factory.mktemp("documented")
    file, arrays, target = folder / "small.snnb", folder / "a.npz", folder / "written.snnb"
    golden = verify.record_golden(GRAPH, np.zeros((1, *SHAPE), np.float32), 2)
    manifest = bundle.Manifest("small", ("a", "b", "c"), 8, exact_steps(GRAPH))
    whole = bundle.Bundle(GRAPH, manifest, golden, "# small\n")
    bundle.write(whole, file)
    np.savez(arrays, images=np.zeros((2, *SHAPE), np.uint8), labels=np.zeros(2, np.int64))
    places = sites(GRAPH)
    counted = tally(GRAPH, places, IMAGES.images, 2, "numpy")
    profile = metrics.builtin()["cmos45-int8"]

    def written(**parts):
        return bundle.write(replace(whole, **parts), target)

    table: dict[str, Call] = {
        "read": (bundle.read, {"path": file, "policy": None}),
        "decode": (bundle.decode, {"buffer": file.read_bytes()}),
        "write": (bundle.write, {"bundle": whole, "path": target}),
        "Bundle": (written, {"graph": GRAPH, "manifest": manifest, "golden": golden, "card": ""}),
        "Manifest": (
            lambda **keys: written(manifest=bundle.Manifest(**keys)),
            {"name": "n", "labels": ("a", "b", "c"), "bits": 8, "exact_steps": 2, "provenance": {}, "results": [],
             "conversion": {}},
        ),
        "Golden": (
            lambda **parts: written(golden=bundle.Golden(**parts)),
            {"inputs": golden.inputs, "logits": golden.logits, "spikes": golden.spikes},
        ),
        "verify": (verify.verify, {"bundle": whole, "engine": "numpy"}),
        "verify_step": (verify.verify_step, {"bundle": whole}),
        "record_golden": (verify.record_golden, {"graph": GRAPH, "inputs": np.zeros((1, *SHAPE)), "steps": 2}),
        "data.read": (data.read, {"path": arrays, "split": "auto", "shape": SHAPE, "options": data.DataOptions()}),
        "DataOptions": (
            lambda **options: data.read(arrays, shape=SHAPE, options=data.DataOptions(**options)),
            {"layout": "auto", "white": None, "span": None, "features": None},
        ),
        "stated_options": (data.stated_options, {"provenance": {}}),
        "stated_span": (data.stated_span, {"provenance": {}}),
        "ImageSet": (
            data.ImageSet,
            {"images": IMAGES.images, "labels": np.zeros(1, np.int64), "classes": ("a",), "name": "n", "files": ("a",)},
        ),
        "as_sequence": (inputs.as_sequence, {"graph": GRAPH, "value": IMAGES.images, "layout": "auto"}),
        "available": (engines.available, {"graph": GRAPH}),
        "engine_class": (engines.engine_class, {"name": "numpy"}),
        "choose": (engines.choose, {"graph": GRAPH, "engine": "numpy", "limits": None, "steps": None}),
        "create": (
            engines.create,
            {"graph": GRAPH, "engine": "numpy", "record": (), "threads": None, "limits": None, "steps": 2},
        ),
        "run": (
            lambda **keys: next(engines.run(**keys)),
            {"engine": engines.create(GRAPH, "numpy"), "sequence": np.zeros((1, 1, *SHAPE)), "steps": 2},
        ),
        "Graph": (Graph, {"nodes": dict(GRAPH.nodes), "edges": GRAPH.edges}),
        "Input": (nodes.Input, {"shape": (2,), "mean": INTEGERS, "low": 0, "high": 255}),
        "Conv2d": (
            nodes.Conv2d,
            {"weight": np.ones((2, 3, 1, 1), np.int8), "bias": INTEGERS, "stride": (1, 1), "padding": (0, 0), "groups": 1},
        ),
        "Linear": (nodes.Linear, {"weight": np.ones((2, 3), np.int8), "bias": INTEGERS}),
        "SumPool2d": (nodes.SumPool2d, {"kernel": (2, 2), "stride": (2, 2)}),
        "Scale": (nodes.Scale, {"scale": INTEGERS}),
        "IF": (nodes.IF, {"theta": INTEGERS, "v_init": INTEGERS, "reset": "zero", "tie": ">", "copies": 1}),
        "LIF": (
            nodes.LIF,
            {"theta": INTEGERS, "v_init": INTEGERS, "decay": INTEGERS, "reset": "zero", "tie": ">", "copies": 1},
        ),
        "LI": (nodes.LI, {"decay": np.full(2, 0.5, np.float32)}),
        "Output": (nodes.Output, {"scale": 1.0}),
        "expand": (copies.expand, {"graph": GRAPH, "kept": frozenset()}),
        "measure": (
            metrics.measure,
            {"bundle": whole, "data": IMAGES, "steps": 2, "engine": "numpy", "threads": None, "buffer": 1},
        ),
        "operations": (operations, {"graph": GRAPH, "sites": places, "counted": counted}),
        "estimate": (
            metrics.estimate,
            {"graph": GRAPH, "ops": operations(GRAPH, places, counted), "profile": profile, "buffer": 1},
        ),
        "c_files": (c_files, {"bundle": whole, "form": "mcu", "layout": "hwc", "prefix": "small", "package": None}),
        "load_profile": (metrics.load_profile, {"path": Path(metrics.__file__).parent / "profiles" / "cmos45-int8.toml"}),
        "tally": (
            tally,
            {"graph": GRAPH, "sites": places, "images": IMAGES.images, "steps": 2, "engine": "numpy", "threads": None},
        ),
    }  # fmt: skip
    return table | _methods() | _signing(folder, file)


def _methods() -> dict[str, Call]:
    images = data.ImageSet(np.zeros((2, *SHAPE), np.uint8), np.arange(2), ("a", "b"), "two", ("1.png", "2.png"))
    frame = np.zeros((2, *SHAPE), np.float32)

    def after_a_step(method: str) -> Callable[..., object]:
        def call(**arguments):
            engine = engines.create(GRAPH, "numpy", "if1")
            engine.reset(2)
            engine.step(frame)
            result = getattr(engine, method)(**arguments)
            engine.step(frame if method == "reset" and engine.batch == 2 else None)
            return result

        return call

    return {
        "ImageSet.renamed": (images.renamed, {"name": "n"}),
        "ImageSet.sample": (images.sample, {"per_class": 1, "seed": 0}),
        "ImageSet.subset": (images.subset, {"count": 1}),
        "ImageSet.take": (images.take, {"index": np.array([1, 0])}),
        "ImageSet.with_classes": (images.with_classes, {"classes": ("b", "a"), "count": 2}),
        **{f"Graph.{name}": (getattr(GRAPH, name), {"name": "if1"}) for name in ("neuron", "neurons", "population", "size")},
        "Graph.synapse": (GRAPH.synapse, {"name": "conv1"}),
        "Graph.node": (lambda name: GRAPH.node(name, nodes.IF), {"name": "if1"}),
        "Engine.reset": (after_a_step("reset"), {"batch": 2, "window": None}),
        "Engine.step": (after_a_step("step"), {"pixels": frame}),
        "Engine.keep": (after_a_step("keep"), {"rows": np.array([1])}),
        "Engine.widen": (after_a_step("widen"), {"steps": 2}),
        "Engine.fits": (after_a_step("fits"), {"batch": 2, "window": 2}),
        "Engine.fitting": (after_a_step("fitting"), {"most": 2, "window": 2}),
        "Engine.spikes": (after_a_step("spikes"), {"layer": "if1"}),
        "Engine.potentials": (after_a_step("potentials"), {"layer": "if1"}),
        "Engine.run_window": (
            lambda **keys: engines.create(GRAPH, "numpy").run_window(**keys),
            {"pixels": frame, "steps": 2},
        ),
    }  # fmt: skip


def _signing(folder: Path, file: Path) -> dict[str, Call]:
    pytest.importorskip("cryptography")
    secret, public = folder / "k.key", folder / "k.pub"
    key = signing.new_key()
    known = signing.public_key(key)
    secret.write_bytes(signing.encode_private(key))
    public.write_bytes(signing.encode_public(known))
    signing.signature_file(file).write_bytes(signing.sign(file, key))
    policy, content = Policy((known,), True), file.read_bytes()
    return {
        "status": (signing.status, {"path": file, "keys": (known,)}),
        "check": (signing.check, {"path": file, "digest": b"", "keys": (known,)}),
        "sign": (signing.sign, {"path": file, "private_key": key}),
        "enforce": (signing.enforce, {"path": file, "content": content, "policy": policy}),
        "Policy": (lambda **parts: bundle.read(file, Policy(**parts)), {"keys": (known,), "required": True}),
        "PublicKey": (
            lambda **parts: signing.encode_public(signing.PublicKey(**parts)),
            {"raw": known.raw, "name": ""},
        ),
        "public_key": (signing.public_key, {"private_key": key}),
        "read_private_key": (signing.read_private_key, {"path": secret, "password": None}),
        "read_public_key": (signing.read_public_key, {"path": public}),
        "trusted_keys": (signing.trusted_keys, {"paths": str(public)}),
        "encode_private": (signing.encode_private, {"key": key, "password": None}),
        "encode_public": (signing.encode_public, {"key": known}),
        "signature_file": (signing.signature_file, {"path": file}),
    }


def documented() -> set[str]:
    """Return the documented names on the pages about the runtime."""
    pages = [(FOLDER.parents[2] / "docs" / "api" / f"{page}.md").read_text("utf-8") for page in PAGES]
    return {name.rpartition(".")[2] for page in pages for name in re.findall(r"^::: (\S+)$", page, re.MULTILINE)}


def test_every_documented_name_is_called(calls):
    names = {name.rpartition(".")[2] for name in calls}
    assert documented() - NOT_CALLED - ELSEWHERE <= names
    assert documented() >= NOT_CALLED | ELSEWHERE


def test_the_valid_arguments_are_valid(calls):
    for function, arguments in calls.values():
        function(**arguments)


def test_arguments_of_every_wrong_type(calls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a text is a path, which may be written
    foreign = []
    for name, (function, arguments) in calls.items():
        for argument in arguments:
            for value in VALUES:
                if argument == "steps" and isinstance(value, int) and value > 2**10:
                    continue  # many time-steps are many
                problem = problem_with(function, {**arguments, argument: value})
                foreign += [f"{name}({argument}={type(value).__name__}): {problem}"] * (problem != "")
    assert not foreign


def problem_with(function: Callable[..., object], arguments: dict[str, object]) -> str:
    """Return a description of a foreign exception or of an error text that is too short or too long, or ""."""
    try:
        function(**arguments)
    except SpikeletError as error:
        return "" if 8 < len(str(error)) < 12_000 else f"a text of {len(str(error))}"  # a path is named in full
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def test_a_profile_nested_too_deeply_is_refused(tmp_path):
    path = tmp_path / "deep.toml"
    path.write_text("a = " + "[" * 100_000, "utf-8")
    with pytest.raises(spikelet.SpikeletError, match="not a TOML file"):
        metrics.load_profile(path)
