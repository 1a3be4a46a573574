"""Plant faults in the code of the readers, and count those that the comparison with the source does not find.

    python tests/stress/reader_mutations.py --count 200 --seed 1

A mutant is one change to one module of `spikelet_converters.frontends`: a constant, an operator, a condition, or two
arguments in the other order. In a process of its own it reads networks of the tests' forms (ONNX, torch and NIR). For
each network one of these holds:

* same: the graph computes what the graph of the unchanged reader does;
* refused: reading raises an error, or the comparison (`check_graph`) does;
* silent: the comparison accepts a graph that computes something else. There must be none.
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.util
import json
import os
import random
import sys
import tempfile
import warnings
from collections import Counter
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
READERS = ROOT / "converters" / "spikelet_converters" / "frontends"
sys.path.insert(0, str(ROOT / "tests" / "support"))
SWAPPED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Is: ast.IsNot,
    ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
DIFFERENT = 1e-3  # of the largest logit


class Mutation(ast.NodeTransformer):
    """Changes the node of an index among those that can be changed; None counts them."""

    def __init__(self, index=None):
        self.index, self.count, self.change = index, 0, ""

    def chosen(self, node):
        self.count += 1
        if self.count - 1 != self.index:
            return False
        self.change = f"line {node.lineno}: {ast.unparse(node)[:60]}"
        return True

    def visit_Constant(self, node):
        if type(node.value) in (int, float) and self.chosen(node):
            return ast.copy_location(ast.Constant(node.value + 1), node)
        return node

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if type(node.op) in SWAPPED and self.chosen(node):
            node.op = SWAPPED[type(node.op)]()
        return node

    def visit_BoolOp(self, node):
        return self.visit_BinOp(node)

    def visit_Compare(self, node):
        self.generic_visit(node)
        if type(node.ops[0]) in SWAPPED and self.chosen(node):
            node.ops[0] = SWAPPED[type(node.ops[0])]()
        return node

    def visit_UnaryOp(self, node):
        self.generic_visit(node)
        return node.operand if isinstance(node.op, ast.Not | ast.USub) and self.chosen(node) else node

    def visit_IfExp(self, node):
        self.generic_visit(node)
        if self.chosen(node):
            node.body, node.orelse = node.orelse, node.body
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        if len(node.args) > 1 and not isinstance(node.args[0], ast.Starred) and self.chosen(node):
            node.args[0], node.args[1] = node.args[1], node.args[0]
        return node


class Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module with a mutation."""

    def __init__(self, name, path, index):
        self.name, self.path, self.mutation = name, path, Mutation(index)

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        spec = ModuleSpec(name, self, origin=str(self.path), is_package=self.path.name == "__init__.py")
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(str(self.path.parent))
        return spec

    def exec_module(self, module):
        tree = self.mutation.visit(ast.parse(self.path.read_text("utf-8")))
        module.__file__ = str(self.path)
        exec(compile(ast.fix_missing_locations(tree), str(self.path), "exec"), module.__dict__)


def module_of(path):
    parts = path.relative_to(READERS.parents[1]).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def places(path):
    counter = Mutation()
    counter.visit(ast.parse(path.read_text("utf-8")))
    return counter.count


def test_module(name):
    path = next((ROOT / "tests" / "converters").rglob(f"{name}.py"))
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sources(folder):
    """Functions that read a network, by name of the form."""
    import torch

    import onnx_forms
    from networks import small_graph

    forms, calls = test_module("test_onnx_coverage"), test_module("test_torch_coverage")
    from spikelet_converters.frontends import onnx as onnx_reader
    from spikelet_converters.frontends.nir import from_nir
    from spikelet_converters.frontends.torch import from_module

    def of_onnx(index, nodes, own):
        path = folder / f"{index}.onnx"
        if not path.exists():
            onnx_forms.model(path, nodes, own=own)
        return onnx_reader.read(path, onnx_forms.RAW)

    def of_torch(call=None, layer=None, channels=4):
        torch.manual_seed(2)
        for parameter in () if layer is None else layer.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        return from_module(
            calls.Net(call, *(() if layer is None else (layer,)), channels=channels).eval(), (3, 9, 9), onnx_forms.RAW
        )

    def of_nir(seed):
        from spikelet_converters.exports.nir import to_nir

        network = to_nir(small_graph(seed))
        network.metadata.clear()
        return from_nir(network)

    readers = {}
    for index, (name, nodes) in enumerate({**onnx_forms.FORMS, **forms.FORMS}.items()):
        own = forms.own() if name in forms.FORMS else None
        readers[f"ONNX: {name}"] = lambda index=index, nodes=nodes, own=own: of_onnx(index, nodes, own)
    for name, (call, channels) in calls.CALLS.items():
        readers[f"torch: {name}"] = lambda call=call, channels=channels: of_torch(call, channels=channels)
    for index, (layer, channels) in enumerate(calls.LAYERS):
        readers[f"torch: layer {index}"] = lambda layer=layer, channels=channels: of_torch(
            layer=layer, channels=channels
        )
    readers |= {f"NIR: {seed}": lambda seed=seed: of_nir(seed) for seed in range(4)}
    return readers


def computed(source):
    """What the imported graph computes on fixed inputs."""
    import torch

    from spikelet_converters.calibration.analog import Analog
    from spikelet_converters.conversion.check import source_neuron

    inputs = np.random.default_rng(9).integers(0, 256, (4, *source.shape)).astype(np.float32)
    if source.simulate is not None:
        from spikelet_converters.conversion.check import _simulated

        return _simulated(source, inputs).cumsum(0)
    analog = Analog(source.graph)
    return analog(torch.from_numpy(inputs), source_neuron(analog, source.relus, source.levels)).numpy()


def child(folder, planted, names, reference, pipe):
    """Read networks with a mutant, and write the verdicts."""
    warnings.simplefilter("ignore")
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    verdicts = {}
    try:
        if planted is not None:
            sys.meta_path.insert(0, planted)
        readers = sources(folder)
        from spikelet_converters.conversion.check import check_graph

        for name in names or readers:
            try:
                source = readers[name]()
                if planted is None:
                    check_graph(source, None)
                    reference[name] = computed(source)
                    continue
                check_graph(source, None)
                value = computed(source)
            except Exception as error:
                verdicts[name] = "refused" if planted is not None else f"{type(error).__name__}: {error}"
                continue
            expected = reference[name]
            same = (
                value.shape == expected.shape and np.abs(value - expected).max() <= DIFFERENT * np.abs(expected).max()
            )
            verdicts[name] = "same" if same else "silent"
        if planted is None:
            np.savez(folder / "reference.npz", **{f"k{i}": v for i, v in enumerate(reference.values())})
            verdicts["names"] = list(reference)
    except Exception as error:
        verdicts["import"] = f"refused: {error}"
    os.write(pipe, json.dumps([verdicts, planted.mutation.change if planted else ""]).encode())


def run(folder, planted, names, reference, seconds=60):
    """Run a child process; return its verdicts and the change."""
    read_end, write_end = os.pipe()
    process = os.fork()
    if process == 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))  # a mutant may loop for ever
        os.close(read_end)
        child(folder, planted, names, reference, write_end)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as file:
        content = file.read()
    os.waitpid(process, 0)
    return json.loads(content) if content else ({"process": "refused"}, planted.mutation.change)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="number of mutants")
    parser.add_argument("--forms", type=int, default=40, help="networks that each mutant reads")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--readers", default="", help="only modules whose path contains this text")
    args = parser.parse_args()
    import nir  # noqa: F401  # heavy packages are loaded once
    import onnx  # noqa: F401
    import onnxruntime  # noqa: F401
    import torch  # noqa: F401

    rng = random.Random(args.seed)
    paths = [path for path in sorted(READERS.rglob("*.py")) if args.readers in str(path)]
    mutants = [(path, index) for path in paths for index in range(places(path))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        problems, _ = run(folder, None, None, {}, 600)
        names = problems.pop("names")
        print(
            f"{len(mutants)} mutants of {len(paths)} modules, {len(names)} networks; not read: {problems}", flush=True
        )
        stored = np.load(folder / "reference.npz")
        reference = {form: stored[f"k{i}"] for i, form in enumerate(names)}
        total, silent, changed = Counter(), 0, 0
        for path, index in rng.sample(mutants, min(args.count, len(mutants))):
            chosen = rng.sample(names, min(args.forms, len(names)))
            verdicts, change = run(folder, Planted(module_of(path), path, index), chosen, reference)
            kinds = Counter(value.split(":")[0] for value in verdicts.values())
            total += kinds
            changed += kinds["same"] < len(verdicts)
            if kinds["silent"]:
                silent += 1
                forms = [form for form, value in verdicts.items() if value == "silent"]
                print(f"SILENT {path.relative_to(READERS)} {change}: {forms[:4]}", flush=True)
    print(f"{changed} mutants changed something; verdicts {dict(total)}; {silent} mutants were accepted silently")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
