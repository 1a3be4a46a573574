"""Other programs read what `export nir` writes, and fire the spikes of their own neurons.

No reader of NIR has the neurons of a bundle; NEURONS states what each one has. The reference below evaluates the nodes of
the file with these neurons, and the spikes of every layer and time-step are equal to those of the program, up to ties of
float32. Two programs can be set to the neurons of a bundle, and then fire its spikes. `docs/guides/networks.md` has the
table for users.
"""

import json
import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from converters_support import bundle_of
from peers_support import CLOSE, need
from spikelet import bundle, shipped
from spikelet.engines import create
from spikelet.graph import Graph
from spikelet.nodes import LIF, Input, Linear, Output
from spikelet_converters.choices import TIME_STEP
from spikelet_converters.exports.nir import export

nir = pytest.importorskip("nir")
STEPS, SAMPLES = 8, 3


@dataclass(frozen=True)
class Neurons:
    """The neurons that a program makes of the nodes IF and LIF.

    Attributes:
        reset: "zero", or "subtract" the threshold.
        strict: A potential equal to the threshold does not cause a spike.
        several: A neuron sends floor(v / theta) spikes in a time-step.
        least: Lowest potential, in thresholds.
        late: A neuron fires by the potential before the current of the time-step.
        keep: Factor of the potential of a LIF, from its dt / tau.
        gain: Factor of the current of a LIF, from its dt / tau.
    """

    reset: str
    strict: bool
    several: bool = False
    least: float = -math.inf
    late: bool = False
    keep: object = lambda share: 1 - share
    gain: object = lambda share: 1.0


ZERO = Neurons("zero", strict=True)
SINABS = Neurons("subtract", strict=False, several=True, keep=lambda share: math.exp(-share))
NEURONS = {
    "snntorch": ZERO,
    "spikingjelly": Neurons("zero", strict=False),
    "sinabs": SINABS,
    "norse": replace(ZERO, gain=lambda share: share),
    "spyx": Neurons("subtract", strict=True, late=True),
    "rockpool": replace(SINABS, keep=lambda share: math.exp(-share / (1 + share))),
}


def snntorch(path, x, names):
    importer = need("snntorch.import_nir")
    return by_step(importer.import_from_nir(nir.read(path)), x, names)


def spikingjelly(path, x, names, dt=TIME_STEP):
    exchange = need("spikingjelly.activation_based.nir_exchange")
    return by_step(exchange.import_from_nir(nir.read(path), dt=dt), x, names)


def sinabs(path, x, names):
    importer = need("sinabs.nir")
    return by_step(importer.from_nir(nir.read(path), batch_size=x.shape[1]), x, names)


def norse(path, x, names):
    """Sample by sample: Norse takes the axes of Flatten as they are in NIR, which has no batches."""
    importer = need("norse.torch")
    samples = [
        by_step(importer.from_nir(nir.read(path), ignore_warnings=True, dt=TIME_STEP), x[:, n], names)
        for n in range(x.shape[1])
    ]
    return {name: np.stack([sample[name] for sample in samples], axis=1) for name in names}


def rockpool(path, x, names):
    """All time-steps at once, since only the state of one sample is kept; version 3.1 reads tau of a LIF as tau_mem."""
    importer = need("rockpool.nn.modules.torch.nir")
    graph = nir.read(path)
    for node in graph.nodes.values():
        if isinstance(node, nir.LIF):
            node.tau_mem = node.tau
    network = importer.from_nir(graph)
    rows = recorded(network, names)
    with torch.no_grad():
        network(torch.from_numpy(x.swapaxes(0, 1)))
    return {name: rows[name][0].swapaxes(0, 1) for name in names}


def spyx(path, x, names):
    """Channels are the last axis. The outputs of all layers need a loop over the layers of the imported network."""
    importer, nnx, jnp = need("spyx.nir"), need("flax.nnx"), need("jax.numpy")
    graph = nir.read(path)
    network, _ = importer.from_nir(graph, jnp.asarray(to_last(x)), dt=TIME_STEP, rngs=nnx.Rngs(0))
    layers = [name for name in in_sequence(graph) if name != "input"][: len(network.layers)]
    rows, state = {name: [] for name in names}, network.initial_state(x.shape[1])
    for value in map(jnp.asarray, to_last(x)):
        for i, (name, layer) in enumerate(zip(layers, network.layers, strict=True)):
            if state[i] is None:
                value = layer(value)
            else:
                value, state[i] = layer(value, state[i])
            if name in rows:
                rows[name].append(np.asarray(value))
    return {name: to_first(np.stack(values)) for name, values in rows.items()}


PROGRAMS = (snntorch, spikingjelly, sinabs, norse, spyx, rockpool)


def to_last(x):
    return np.moveaxis(x, 2, -1)


def to_first(x):
    return np.moveaxis(x, -1, 2)


def recorded(network, names):
    """Record the outputs of modules of a torch network in the returned dictionary."""
    rows = {name: [] for name in names}
    for name in names:
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: rows[name].append(
                (output[0] if isinstance(output, tuple) else output).detach().numpy()
            )
        )
    return rows


def by_step(network, x, names, state=None):
    """Return the spikes of a torch network that is called with its state at every time-step."""
    rows = recorded(network, names)
    with torch.no_grad():
        for value in torch.from_numpy(x):
            result = network(value, state)
            state = result[1] if isinstance(result, tuple) else None
    return {name: np.stack(rows[name]) for name in names}


def in_sequence(graph):
    """Return the nodes of a NIR graph without branches in order, by name."""
    following, name, ordered = dict(graph.edges), "input", {}
    while name in following:
        ordered[name] = graph.nodes[name]
        name = following[name]
    return ordered


class Reference:
    """The layers of a NIR file, evaluated with the neurons of a program."""

    def __init__(self, path, neurons, flat_by_pixel=False):
        self.nodes, self.neurons, self.flat_by_pixel = in_sequence(nir.read(path)), neurons, flat_by_pixel
        self.names = [name for name, node in self.nodes.items() if isinstance(node, nir.IF | nir.LIF)]
        self.v = dict.fromkeys(self.names, 0.0)
        self.spikes = {name: [] for name in self.names}
        self.close = {name: [] for name in self.names}

    def run(self, x):
        for value in torch.from_numpy(x):
            for name, node in self.nodes.items():
                value = self.layer(name, node, value)
        return self

    def layer(self, name, node, value):
        match node:
            case nir.Affine():
                return torch.nn.functional.linear(value, torch.tensor(node.weight), torch.tensor(node.bias))
            case nir.Conv2d():
                options = tuple(map(int, node.stride)), tuple(map(int, node.padding)), 1, int(node.groups)
                return torch.nn.functional.conv2d(value, torch.tensor(node.weight), torch.tensor(node.bias), *options)
            case nir.SumPool2d():
                size, stride = tuple(map(int, node.kernel_size)), tuple(map(int, node.stride))
                return torch.nn.functional.avg_pool2d(value, size, stride, divisor_override=1)
            case nir.Flatten():
                return (value.movedim(1, -1) if self.flat_by_pixel else value).flatten(1)
            case nir.IF() | nir.LIF():
                return self.fire(name, node, value)
            case _:
                return value

    def fire(self, name, node, current):
        neurons, theta, keep = self.neurons, torch.tensor(node.v_threshold), 1.0
        if isinstance(node, nir.LIF):
            share = 1 / float(node.r.flat[0])
            keep, current = neurons.keep(share), neurons.gain(share) * current
        before = torch.as_tensor(self.v[name]).expand_as(current)
        after = keep * before + current
        read = (before if neurons.late else after) / theta
        fired = (read > 1 if neurons.strict else read >= 1).float()
        if neurons.several:
            fired = fired * read.floor()
        after = after - fired * theta if neurons.reset == "subtract" else after * (1 - fired)
        self.v[name] = torch.maximum(after, neurons.least * theta)
        self.spikes[name].append(fired.numpy())
        self.close[name].append(((read - read.round()).abs() < CLOSE).numpy())
        return fired


def compare(path, x, run, neurons, flat_by_pixel=False):
    """Compare all spikes of a program with the reference, and return the spikes by layer.

    A sample is not compared after a tie with different spikes.
    """
    reference = Reference(path, neurons, flat_by_pixel).run(x)
    actual = run(path, x, reference.names)
    compared = np.ones(x.shape[1], bool)
    for t in range(len(x)):
        for name in reference.names:
            differs = actual[name][t].reshape(x.shape[1], -1) != reference.spikes[name][t].reshape(x.shape[1], -1)
            ties = reference.close[name][t].reshape(x.shape[1], -1)
            assert not (differs & ~ties)[compared].any(), f"{name} at time-step {t + 1}"
            compared &= ~differs.any(1)
    assert compared.sum() >= len(compared) - 1
    assert sum(int((rows > 0).sum()) for rows in actual.values()) > 100
    return actual


@pytest.fixture(scope="module")
def images():
    """A shipped bundle, and inputs (T, N, C, H, W) for it."""
    (path,) = [path for path in shipped.files() if path.name == "vgg5-fashion-mnist.snnb"]
    shipped_bundle = bundle.read(path)
    pixels = np.concatenate([shipped_bundle.golden.inputs, shipped_bundle.golden.inputs[:1, :, ::-1]])[:SAMPLES]
    return shipped_bundle, np.repeat(pixels[None].astype(np.float32), STEPS, axis=0)


def leaking():
    """Return a float32 network of LIF neurons with one leak and one threshold, and inputs (T, N, F)."""
    rng, sizes = np.random.default_rng(1), (12, 20, 16, 5)
    nodes = {"input": Input((12,), np.zeros(12, np.float32), 0, 9)}
    for i, (a, b) in enumerate(pairwise(sizes)):
        one = np.ones(b, np.float32)
        nodes[f"fc{i}"] = Linear(rng.normal(0.1, 0.5, (b, a)).astype(np.float32), 0 * one)
        if i < 2:
            nodes[f"lif{i}"] = LIF(4 * one, 0 * one, "zero", ">", decay=0.875 * one)
    nodes["output"] = Output(0.5)
    x = rng.integers(0, 4, (12, SAMPLES, 12)).astype(np.float32)
    return bundle_of(Graph(nodes, tuple(pairwise(nodes)))), x


def fired(network, x):
    """Return the spikes of a bundle's graph by layer, (T, N, …)."""
    engine = create(network.graph, "numpy", network.graph.spiking)
    engine.reset(x.shape[1])
    rows = {name: [] for name in network.graph.spiking}
    for value in x:
        engine.step(value)
        for name, values in rows.items():
            values.append(engine.spikes(name).copy())
    return {name: np.stack(values) for name, values in rows.items()}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_leaking_neurons(program, tmp_path):
    """The time constant of sinabs is a number of time-steps, so that dt is 1 s."""
    network, x = leaking()
    export(network, tmp_path / "a.nir", "normalised", 1.0 if program is sinabs else TIME_STEP)
    if program is norse:
        x = 8 * x  # it leaves out r
    spikes = compare(tmp_path / "a.nir", x, program, NEURONS[program.__name__])
    same = all(np.array_equal(spikes[name], rows) for name, rows in fired(network, x).items())
    assert same == (program in (snntorch, spikingjelly)), "these have the neurons of this network"


@pytest.mark.parametrize(
    ("program", "form"),
    [(spikingjelly, "normalised"), (sinabs, "annotated"), (norse, "annotated"), (spyx, "annotated")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_shipped_bundle(program, form, images, tmp_path):
    """sinabs limits the potentials of an IF from below; spyx flattens pixel by pixel and leaves the weights as they are."""
    network, x = images
    export(network, tmp_path / "a.nir", form)
    neurons = NEURONS[program.__name__]
    if program is sinabs:
        neurons = replace(neurons, least=-1)

    def run(path, x, names):
        return spikingjelly(path, x, names, dt=1.0) if program is spikingjelly else program(path, x, names)

    compare(tmp_path / "a.nir", x, run, neurons, flat_by_pixel=program is spyx)


def starts(graph, name, shape):
    """Return the initial potentials of a layer from the metadata of a NIR graph, in the shape of the layer."""
    values = json.loads(graph.metadata["spikelet"])["values"][f"{name}.v_init"]
    return torch.tensor(values, dtype=torch.float32).reshape(-1, *(1,) * (len(shape) - 1)).expand(shape).clone()


def assert_equal(actual, expected):
    assert sum(int(rows.sum()) for rows in expected.values()) > 1000
    assert all(np.array_equal(actual[name], rows) for name, rows in expected.items())


def test_spikingjelly_with_the_neurons_of_the_bundle(images, tmp_path):
    """v_reset = None subtracts the threshold; the state contains the initial potentials."""
    network, x = images
    export(network, tmp_path / "a.nir", "normalised")
    graph = nir.read(tmp_path / "a.nir")
    imported = need("spikingjelly.activation_based.nir_exchange").import_from_nir(graph, dt=1.0)
    _, state = imported(torch.from_numpy(x[0]), None)
    for name in network.graph.spiking:
        imported.get_submodule(name).module.v_reset = None
        state[name] = (starts(graph, name, network.graph.shapes[name]).expand_as(state[name][0]).clone(),)
    assert_equal(by_step(imported, x, network.graph.spiking, state), fired(network, x))


def test_sinabs_with_the_neurons_of_the_bundle(images, tmp_path):
    """At most one spike in a time-step, no least potential, and initial potentials."""
    network, x = images
    export(network, tmp_path / "a.nir")
    graph = nir.read(tmp_path / "a.nir")
    imported = need("sinabs.nir").from_nir(graph, batch_size=SAMPLES)
    single = need("sinabs.activation").SingleSpike
    for name in network.graph.spiking:
        neuron, shape = imported.get_submodule(name), network.graph.shapes[name]
        neuron.spike_fn, neuron.min_v_mem = single, None
        neuron.init_state_with_shape((SAMPLES, 1, *shape))
        neuron.v_mem = starts(graph, name, shape).expand(SAMPLES, *shape).clone()
    assert_equal(by_step(imported, x, network.graph.spiking), fired(network, x))
