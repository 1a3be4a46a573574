"""Mutations of the network: structure, names and numbers are changed, and all other parts are updated.

Golden data, `exact_steps`, `bits` and labels are computed again by the second reader after most changes, so that a
file is either valid or breaks only the rule that the change violates. step.onnx comes from another writer (`lowering_version`
0) and stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from conformance_vectors.breaking import BASES
from hostile.drafts import LARGEST, Draft, affordable, needed_bits
from hostile.fields import EXPONENTS, WHOLE, Mutator
from second_reader import Refused, execute, packed
from second_reader.proofs import proven_steps

NAMES = ["x", "v", "s", "input", "logits", "output", "bias", "weight", "v_next", "_", "__", "a.b", "A" * 64]
NAMES += ["x.f32", "s.x"]
NAMES += ["if", "for", "int", "None", "main", "step", "fc.weight", "fired", "const", "0", "zero", "a" * 65]
NAMES += ["1a", "a:b"]
NAMES += ["", "é", "a b", "spikes", "spikes.x", "mean", "N", "v.x", "drop", "kept", "f32", "float", "while"]
NAMES += ["__class__"]


class NetworkMutator(Mutator):
    """Draws mutated bundles from one random source: the same seed gives the same files."""

    def __init__(self, seed: object) -> None:
        super().__init__(seed)
        self.changes: list[Callable[[Draft], None]] = [
            self.rename, self.element, self.element, self.magnify, self.dtype, self.attribute, self.attribute, self.rewire,
            self.insert, self.insert, self.bypass, self.branch, self.resize, self.kind, self.shuffle, self.pixels,
        ]  # fmt: skip
        self.finishing: list[Callable[[Draft], None]] = [self.field, self.proof, self.proof, self.stored, self.order]

    def one(self) -> tuple[str, bytes]:
        """Return (names of the mutations, bytes of a bundle)."""
        while True:
            draft = Draft(self.pick(list(BASES)))
            done = []
            for _ in range(self.pick([0, 1, 1, 1, 2, 2, 3, 5])):
                if not (draft.nodes and draft.edges and any(values.size for values in draft.weights.values())):
                    break
                change = self.pick(self.changes)
                change(draft)
                done.append(change.__name__)
            if self.random.random() < 0.85:
                self.settle(draft)
            for _ in range(self.pick([0, 0, 1, 1, 2])):
                change = self.pick(self.finishing)
                change(draft)
                done.append(change.__name__)
            try:
                return " ".join(done), draft.content()
            except (KeyError, ValueError, OverflowError):  # an element type that safetensors does not have
                continue

    def settle(self, draft: Draft) -> None:
        """Recompute the data that depends on the network."""
        network = draft.network()
        if network is None or sum(network.neurons(name) for name in network.nodes) > LARGEST:
            return
        shape, classes = network.shapes[network.input], network.shapes[network.output][0]
        attributes = network.nodes[network.input].attributes
        low, high = attributes["low"], attributes["high"]
        samples, steps = self.pick([1, 1, 2]), self.pick([1, 2, 3])
        pixels = [self.pick([low, high, self.random.randint(low, high)]) for _ in range(samples * int(np.prod(shape)))]
        inputs = np.array(pixels).reshape(samples, *shape)
        manifest = draft.manifest
        manifest["arithmetic"] = "exact" if network.exact else "float32"
        manifest["labels"] = self.pick([None, [f"class {k}" for k in range(classes)]])
        manifest["bits"] = manifest["exact_steps"] = None
        if network.exact:
            manifest["bits"] = needed_bits(draft.weights)
            try:
                manifest["exact_steps"] = proven_steps(network, manifest["bits"])
            except Refused:
                manifest["exact_steps"] = 1
            steps = min(steps, manifest["exact_steps"])
        if not affordable(network):
            return
        with np.errstate(all="ignore"):
            run = execute(network, inputs[None], steps)
            kinds = (np.int16, np.int32) if network.exact else (np.float32, np.float32)
            spikes = {f"spikes.{name}": packed(value) for name, value in run.spikes.items()}
            draft.golden = {"input": inputs.astype(kinds[0]), "logits": run.logits.astype(kinds[1]), **spikes}

    def rename(self, draft: Draft) -> None:
        old, new = self.pick(draft.nodes)["name"], self.pick(NAMES)
        for node in draft.nodes:
            node["name"] = new if node["name"] == old else node["name"]
        draft.edges[:] = [[new if end == old else end for end in edge] for edge in draft.edges]
        draft.weights = {_moved(key, old, new): value for key, value in draft.weights.items()}
        draft.golden = {
            f"spikes.{new}" if key == f"spikes.{old}" else key: value for key, value in draft.golden.items()
        }

    def element(self, draft: Draft) -> None:
        """Change one element of an array, or all."""
        values = self.array(draft)
        selection = slice(None) if self.random.random() < 0.2 else self.random.randrange(values.size)
        with np.errstate(over="ignore"):
            values.reshape(-1)[selection] = self.number(values)

    def magnify(self, draft: Draft) -> None:
        """Multiply an array, and widen its type."""
        name = self.pick(list(draft.weights))
        values = draft.weights[name]
        if values.dtype.kind == "f":
            with np.errstate(all="ignore"):
                draft.weights[name] = (values * 2.0 ** self.pick(EXPONENTS)).astype(np.float32)
            return
        wide = values.astype(np.int64) * self.pick([-1, 2, 16, 255, 4096, 2**15, 2**20])
        dtype = self.pick([np.int16, np.int32, np.int32])
        draft.weights[name] = wide.clip(np.iinfo(dtype).min, np.iinfo(dtype).max).astype(dtype)

    def dtype(self, draft: Draft) -> None:
        """Change the element type of one array or of all."""
        names = list(draft.weights) if self.random.random() < 0.4 else [self.pick(list(draft.weights))]
        kind = self.pick(["int8", "int16", "int32", "float32", "uint8"])
        for name in names:
            values = draft.weights[name]
            with np.errstate(invalid="ignore"):
                draft.weights[name] = np.nan_to_num(values, posinf=0, neginf=0).astype(kind)

    def attribute(self, draft: Draft) -> None:
        node = self.pick(draft.nodes)
        keys = [key for key in node if key not in ("name", "kind")]
        if not keys:
            return
        key = self.pick(keys)
        value = node[key]
        if isinstance(value, list) and value:
            value[self.random.randrange(len(value))] = self.pick([*WHOLE[:8], *WHOLE, 1.0, True, "1", None])
            if self.random.random() < 0.1:
                node[key] = self.pick([value[:1], [*value, 1], [], value[0], None])
        elif key in ("reset", "tie"):
            node[key] = self.pick(["subtract", "zero", "subtract-late", ">=", ">", "", None])
        elif key == "scale":
            scales = [
                2.0**-64,
                2.0**64,
                2.0**-65,
                2.0**64 * (1 + 2**-52),
                1,
                2**64,
                2**64 + 1,
                10**39,
                0,
                -1.0,
                True,
                "1",
            ]
            node[key] = self.pick([*scales, 5e-324, 1e308])
        else:
            node[key] = self.pick([*WHOLE, *WHOLE[:8], 1.0, True, None])

    def rewire(self, draft: Draft) -> None:
        edge = self.pick(draft.edges) if draft.edges else ["", ""]
        names = [node["name"] for node in draft.nodes]
        case = self.random.randrange(5)
        if case == 0 and edge in draft.edges:
            draft.edges.remove(edge)
        elif case == 1:
            draft.edges.append(list(edge))
        elif case == 2:
            draft.edges.append([self.pick(names), self.pick(names)])
        else:
            edge[self.random.randrange(2)] = self.pick(names)

    def insert(self, draft: Draft) -> None:
        """Insert a node of any kind into an edge, with arrays that fit."""
        network = draft.network()
        if network is None:
            return
        edge = self.pick(draft.edges)
        shape, name = network.shapes[edge[0]], self.fresh(draft)
        if int(np.prod(shape)) > LARGEST:
            return
        kinds = ["Scale", "IF", "LIF", "LI"] + (["Conv2d", "SumPool2d", "Flatten"] if len(shape) == 3 else ["Linear"])
        kind = self.pick(kinds)
        self.append(draft, name, kind, shape, network.exact)
        draft.edges.remove(edge)
        draft.edges += [[edge[0], name], [name, edge[1]]]

    def append(self, draft: Draft, name: str, kind: str, shape: tuple[int, ...], exact: bool) -> None:
        node: dict[str, object] = {"name": name, "kind": kind}
        arrays: dict[str, np.ndarray] = {}
        channels = shape[0]
        match kind:
            case "Scale":
                arrays["scale"] = self.whole((channels,), -4, 4)
            case "IF" | "LIF":
                node |= {"reset": self.pick(["subtract", "zero"]), "tie": self.pick([">=", ">"])}
                arrays |= {"theta": self.whole((channels,), 1, 20), "v_init": self.whole((channels,), -9, 9)}
            case "Linear":
                arrays |= {"weight": self.whole((channels, channels), -7, 7), "bias": self.whole((channels,), -9, 9)}
            case "Conv2d":
                groups = self.pick([1, channels])
                kernel = (self.pick([1, 3]), self.pick([1, 3]))
                node |= {"stride": [1, 1], "padding": [kernel[0] // 2, kernel[1] // 2], "groups": groups}
                arrays["weight"] = self.whole((channels, channels // groups, *kernel), -7, 7)
                arrays["bias"] = self.whole((channels,), -9, 9)
            case "SumPool2d":
                node |= {"kernel": [self.pick([1, 1, 2]), self.pick([1, 1, 3])], "stride": [1, 1]}
        if kind in ("LIF", "LI"):
            arrays["decay"] = self.whole((channels,), 1, 5)
        for field, values in arrays.items():
            decay = 2.0**-values if field == "decay" else values
            draft.weights[f"{name}.{field}"] = values.astype(np.int32) if exact else decay.astype(np.float32)
        draft.nodes.insert(self.random.randrange(len(draft.nodes) + 1), node)

    def branch(self, draft: Draft) -> None:
        """Add to a value the output of a new node that it feeds."""
        network = draft.network()
        if network is None:
            return
        edge = self.pick(draft.edges)
        shape, side, total = network.shapes[edge[0]], self.fresh(draft), self.fresh(draft, "sum")
        if int(np.prod(shape)) > LARGEST:
            return
        self.append(draft, side, self.pick(["Scale", "IF", "LIF"]), shape, network.exact)
        draft.nodes.append({"name": total, "kind": "Add"})
        draft.edges.remove(edge)
        draft.edges += [[edge[0], side], [edge[0], total], [side, total], [total, edge[1]]]

    def bypass(self, draft: Draft) -> None:
        """Remove a node and connect its predecessor to its successors."""
        node = self.pick(draft.nodes)
        name = node["name"]
        before = [edge[0] for edge in draft.edges if edge[1] == name]
        after = [edge[1] for edge in draft.edges if edge[0] == name]
        draft.nodes.remove(node)
        draft.edges[:] = [edge for edge in draft.edges if name not in edge]
        draft.edges += [[source, target] for source in before for target in after]
        draft.weights = {key: value for key, value in draft.weights.items() if key.rpartition(".")[0] != name}
        draft.golden.pop(f"spikes.{name}", None)

    def resize(self, draft: Draft) -> None:
        """Repeat or remove rows of an array, or add or remove an axis."""
        name = self.pick(list(draft.weights))
        values = draft.weights[name]
        shapes = [values[:-1], values[:1], np.concatenate([values, values[:1]]), values[None], values.reshape(-1)]
        draft.weights[name] = self.pick(shapes)

    def kind(self, draft: Draft) -> None:
        node = self.pick(draft.nodes)
        node["kind"] = self.pick(
            ["Input", "Conv2d", "Linear", "Scale", "Add", "Flatten", "IF", "LIF", "LI", "Output", "if", ""]
        )
        if node["kind"] in ("IF", "LIF") and self.random.random() < 0.5:
            node.setdefault("reset", "zero")
            node.setdefault("tie", ">")

    def shuffle(self, draft: Draft) -> None:
        self.random.shuffle(draft.nodes)
        self.random.shuffle(draft.edges)

    def pixels(self, draft: Draft) -> None:
        """Change the range of pixels and the mean."""
        for node in draft.nodes:
            if node["kind"] == "Input":
                node["low"], node["high"] = sorted(self.pick(WHOLE[:14] + WHOLE[20:34]) for _ in range(2))
                mean = f"{node['name']}.mean"
                if mean in draft.weights:
                    fill = self.pick([0, 1, 127, 2**15, 2**15 + 1, -(2**15), 2**24])
                    kind = self.pick([np.int32, draft.weights[mean].dtype])
                    draft.weights[mean] = np.full(draft.weights[mean].shape, fill, np.int64).astype(kind)

    def array(self, draft: Draft) -> np.ndarray:
        name = self.pick([name for name, values in draft.weights.items() if values.size])
        draft.weights[name] = draft.weights[name].copy()
        return draft.weights[name]

    def fresh(self, draft: Draft, stem: str = "n") -> str:
        names = {node["name"] for node in draft.nodes}
        good = [
            name
            for name in [*NAMES, f"{stem}{len(names)}"]
            if name not in names and name.isidentifier() and name.isascii()
        ]
        return str(self.pick(good))


def _moved(key: str, old: str, new: str) -> str:
    owner, _, field = key.rpartition(".")
    return f"{new}.{field}" if owner == old else key
