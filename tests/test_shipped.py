"""Every shipped network: golden inputs verify it, its accuracy is that of its card, and its checkpoint converts to it."""

import shlex
from pathlib import Path

import pytest

import spikelet
from spikelet import shipped
from spikelet.bundle import read
from spikelet.verify import verify

pytestmark = pytest.mark.usefixtures("flags_of_users")
ASSETS = Path(__file__).resolve().parents[1] / "assets" / "spikelet_assets"
BUNDLES = sorted(ASSETS.glob("*.snnb"))


@pytest.fixture(scope="module", params=BUNDLES, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture(scope="module")
def bundle(path):
    return read(path)


@pytest.fixture(scope="module")
def images(bundle):
    return shipped.images_for(bundle.graph.input.shape, bundle.manifest.labels)


@pytest.mark.parametrize("engine", ["numpy", "onnx", "native"])
def test_it_proves_itself(bundle, engine):
    verification = verify(bundle, engine)
    assert verification.ok
    assert verification.spikes > 10_000


def test_it_reaches_the_accuracy_of_its_card(path, bundle, images):
    result = next(result for result in bundle.manifest.results if result["digest"] == images.digest)
    accuracy = spikelet.load(path).run(images.images, steps=8).accuracy(images.labels)
    assert accuracy == pytest.approx(result["accuracy"])
    least = {10: 0.8, 100: 0.55}[bundle.graph.classes]  # resnet20 has 0.27 million weights
    assert result["float_accuracy"] > least
    assert accuracy[-1] > result["float_accuracy"] - 0.03
    whole = max(bundle.manifest.results, key=lambda result: result["images"])  # of 500, three may be chance
    assert whole["accuracy_before_quantisation"][7] - whole["accuracy"][7] <= 0.005


def test_its_commands_have_no_paths_of_another_machine(bundle):
    provenance, results = bundle.manifest.provenance, bundle.manifest.results
    commands = [result["command"] for result in results]
    commands += [part["command"] for part in (provenance, provenance.get("start")) if part]
    assert len(commands) > 1
    absolute = {word for command in commands for word in shlex.split(command) if word.startswith("/")}
    assert absolute <= {"/usr/share/datasets/fashion-mnist"}  # of a Debian package


def test_it_comes_from_the_shipped_checkpoint(path, bundle):
    pytest.importorskip("torch")
    from spikelet_converters.conversion.quantise import quantise
    from spikelet_converters.frontends.torch.fx import trace
    from spikelet_converters.training.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(path.parents[1] / f"{path.stem}.pt")
    assert quantise(trace(checkpoint.network(), checkpoint.spec.shape), 8).graph == bundle.graph
