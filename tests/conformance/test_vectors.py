"""The conformance vectors of docs/vectors/: both readers give the verdict of the index, and every engine the predictions."""

import hashlib
import io
import json
import shutil
import zipfile
from functools import cache

import numpy as np
import pytest

import second_reader
import spikelet
from c_projects import c_project, self_tests
from conformance_vectors import ACCEPTED, REFUSED
from conformance_vectors.generate import DOCS, FOLDER, generated
from joined_libraries import compile_together
from runners import RUNNERS
from second_reader.golden import unpacked
from second_reader.refused import SECTIONS
from second_reader.tensors import tensors
from spikelet.bundle import decode
from spikelet.engines import ENGINES
from spikelet.errors import BundleError
from spikelet.verify import verify, verify_step

INDEX = json.loads((FOLDER / "index.json").read_bytes())["vectors"]
BY_VERDICT = {
    verdict: {entry["name"]: entry for entry in INDEX if entry["verdict"] == verdict}
    for verdict in ("accepted", "differs", "refused")
}
GOOD, DIFFERING, BAD = BY_VERDICT.values()
SEQUENCES = [name for name, entry in GOOD.items() if "sequence" in entry]
BRIAN2 = "brian2"
TOGETHER = 22  # vectors whose C is compiled to one program or library


@cache
def content(name):
    (entry,) = (entry for entry in INDEX if entry["name"] == name)
    return (FOLDER / entry["file"]).read_bytes()


@cache
def bundle(name):
    return decode(content(name))


@cache
def manifest(name):
    """Return the manifest only: reading a bundle proves its bounds, which would slow down the collection of tests."""
    with zipfile.ZipFile(io.BytesIO(content(name))) as file:
        return json.loads(file.read("manifest.json"))


EXACT = [name for name in GOOD if manifest(name)["arithmetic"] == "exact"]  # those that C is generated for
INTEGRATORS = [name for name in GOOD if any(node["kind"] == "LI" for node in manifest(name)["graph"]["nodes"])]


@cache
def expected(name, sequence):
    """Return (inputs (T or 1, N, …), logits (T, N, K), spikes by layer) as stored in the vector."""
    contents = second_reader.read(content(name))
    if not sequence:
        return contents.golden.inputs[None], contents.golden.logits, contents.golden.spikes
    stored = tensors(memoryview((FOLDER / GOOD[name]["sequence"]["file"]).read_bytes()), "sequence")
    network = contents.network
    spikes = {layer: unpacked(stored[f"spikes.{layer}"], network.neurons(layer)) for layer in network.spiking}
    return stored["input"], stored["logits"], spikes


@cache
def compile_group(number):
    """Compile the networks of several vectors for the native engine."""
    compile_together(bundle(name).graph for name in EXACT[number * TOGETHER : (number + 1) * TOGETHER])


def cases(names):
    return [(name, sequence) for name in names for sequence in (False, True) if not sequence or name in SEQUENCES]


def assert_answers(name, sequence, logits, spikes, potentials_of_float32=False):
    """Compare logits (T, N, K) of each time-step, and predictions, with the stored ones."""
    _, stored_logits, stored_spikes = expected(name, sequence)
    for layer, value in stored_spikes.items():
        assert np.array_equal(spikes[layer], value), layer
    if GOOD[name]["exact"] and not potentials_of_float32:
        assert np.array_equal(logits, stored_logits)
    else:
        assert np.abs(logits - stored_logits).max() <= 1e-3 * np.abs(stored_logits).max()


def test_generating_again_gives_the_same_bytes():
    files = generated()
    existing = {path.relative_to(DOCS).as_posix() for path in FOLDER.rglob("*") if path.is_file()} | {"vectors.md"}
    assert set(files) == existing, "run: make vectors"
    assert [path for path, data in files.items() if (DOCS / path).read_bytes() != data] == [], "run: make vectors"


def test_the_index_names_every_file_with_its_digest():
    files = {}
    for entry in INDEX:
        for part in (entry, entry.get("sequence", entry)):
            files[part["file"]] = part["sha256"]
    existing = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    assert set(files) | {"index.json"} == existing
    for file, digest in files.items():
        assert hashlib.sha256((FOLDER / file).read_bytes()).hexdigest() == digest, file
    assert len({entry["name"] for entry in INDEX}) == len(INDEX)


def test_the_vectors_cover_all_properties_of_networks():
    """They contain every kind, reset, tie, leak, arithmetic and element type, copies, and neurons with and without spikes."""
    kinds, attributes, dtypes, copies = set(), set(), set(), set()
    for name in GOOD:
        network = second_reader.read(content(name)).network
        for node in network.nodes.values():
            kinds.add((node.kind, network.exact))
            attributes |= {(node.kind, node.attributes[key]) for key in ("reset", "tie") if key in node.attributes}
            dtypes |= {array.dtype.name for array in node.arrays.values()}
            copies.add((node.kind, second_reader.nodes.copies(node)))
    shared = set(second_reader.nodes.KINDS) - {"LI"}
    assert kinds == {(kind, exact) for kind in shared for exact in (True, False)} | {("LI", False)}
    neurons = {(kind, value) for kind in ("IF", "LIF") for value in ("subtract", "zero", ">=", ">")}
    assert attributes == neurons | {("LIF", "subtract-late")}
    assert dtypes == {"int8", "int16", "int32", "float32"}
    assert copies >= {("IF", number) for number in (1, 2, 3, 4, 5, 255)} | {("LIF", 1), ("LIF", 2), ("LIF", 3)}
    rates = {name: [value.mean() for value in expected(name, False)[2].values()] for name in GOOD}
    assert {name for name, values in rates.items() if not all(0 < rate < 1 for rate in values)} == {
        "no-spikes",
        "all-spikes",
    }


def test_the_manifests_state_which_networks_are_exact_and_which_have_integrators():
    assert [name for name in GOOD if bundle(name).graph.exact] == EXACT
    assert [name for name in GOOD if bundle(name).graph.integrators] == INTEGRATORS


def test_a_rule_of_every_section_is_broken():
    assert {entry["section"] for entry in BAD.values()} == set(SECTIONS)
    assert set(BAD) == set(REFUSED)
    assert set(GOOD) == set(ACCEPTED)


def _step_only(name):
    """Return whether a file is refused because of the bytes of step.onnx, which the second reader does not compute."""
    return name.startswith("step-own-version")


@pytest.mark.parametrize("name", BAD)
def test_both_readers_refuse(name):
    with pytest.raises(BundleError):
        decode(content(name))
    if _step_only(name):
        return
    with pytest.raises(second_reader.Refused) as refused:
        second_reader.read(content(name), step=True)
    assert refused.value.section == BAD[name]["section"]


def test_a_step_model_of_another_network_is_detected_by_running_it():
    assert _step_replay(second_reader.read(content("step-own-version-other-network"), step=True))


def _step_replay(contents):
    """Return the differences between the golden data and a replay through step.onnx."""
    golden, network = contents.golden, contents.network
    if contents.step is None:
        return ["step.onnx is empty"]
    run = second_reader.replay(contents.step, network, golden.inputs, len(golden.logits))
    return second_reader.mismatches(golden, run, network.exact)


@pytest.mark.parametrize("name", GOOD)
def test_the_second_reader_gives_the_stored_answers(name):
    contents = second_reader.read(content(name), step=True)
    for sequence in (False, True) if name in SEQUENCES else (False,):
        inputs, logits, _ = expected(name, sequence)
        for wide in (False, True):  # in float64 too: nothing rounds, unless the index says so
            run = second_reader.execute(contents.network, inputs, len(logits), wide)
            assert_answers(name, sequence, run.logits, run.spikes)
        entry = GOOD[name]["sequence"] if sequence else GOOD[name]
        assert second_reader.answers(run).tolist() == entry["answers"]
        assert entry["steps"] == len(logits)
        assert entry["samples"] == inputs.shape[1]


@pytest.mark.parametrize("name", GOOD)
def test_step_onnx_gives_the_stored_answers(name):
    assert _step_replay(second_reader.read(content(name), step=True)) == []
    assert verify_step(bundle(name)).ok


@pytest.mark.parametrize(
    ("name", "engine"),
    [(name, engine) for name in GOOD for engine in sorted(ENGINES) if engine != "native" or name in EXACT],
)
def test_an_engine_gives_the_stored_answers(name, engine, monkeypatch):
    graph = bundle(name).graph
    if engine == "native":
        monkeypatch.setenv("SPIKELET_CFLAGS", "-O0")
        compile_group(EXACT.index(name) // TOGETHER)
    for sequence in (False, True) if name in SEQUENCES else (False,):
        inputs, logits, _ = expected(name, sequence)
        run = RUNNERS[engine](graph, inputs.astype(np.float32), len(logits))
        assert_answers(name, sequence, np.diff(run.logits, axis=0, prepend=0), run.spikes)
        model = spikelet.Model(bundle(name), engine)
        result = model.run(inputs if sequence else inputs[0], len(logits))
        entry = GOOD[name]["sequence"] if sequence else GOOD[name]
        assert result.predictions.tolist() == entry["answers"]
    assert verify(bundle(name), engine).ok


@pytest.mark.parametrize("name", [name for name in GOOD if name not in INTEGRATORS])
def test_brian2_gives_the_stored_answers(name):
    """Whole networks of IF and LIF; `spikelet validate` compares LI by layer."""
    for sequence in (False, True) if name in SEQUENCES else (False,):
        inputs, logits, _ = expected(name, sequence)
        run = RUNNERS[BRIAN2](bundle(name).graph, inputs.astype(np.float32), len(logits))
        assert_answers(name, sequence, np.diff(run.logits, axis=0, prepend=0), run.spikes)


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize("first", range(0, len(EXACT), TOGETHER))
def test_the_c_form_for_microcontrollers_gives_the_stored_answers(first, tmp_path):
    names = EXACT[first : first + TOGETHER]
    projects = [c_project(bundle(name), "mcu")[0] for name in names]
    for name, run in zip(names, self_tests(projects, ["cc", "-std=c99", "-O0"], tmp_path), strict=True):
        assert run.returncode == 0, (name, run.stdout + run.stderr)
        # the self-test carries two golden inputs at most
        assert f"\npass: {min(GOOD[name]['samples'], 2)} image" in run.stdout, (name, run.stdout)


@pytest.mark.parametrize("name", DIFFERING)
def test_a_replay_reports_the_difference(name):
    contents = second_reader.read(content(name), step=True)
    run = second_reader.execute(contents.network, contents.golden.inputs[None], len(contents.golden.logits))
    of_graph = second_reader.mismatches(contents.golden, run, contents.network.exact)
    of_step = _step_replay(contents)
    assert of_graph or of_step
    for engine in sorted(ENGINES):
        assert verify(bundle(name), engine).ok == (not of_graph)
    assert verify_step(bundle(name)).ok == (not of_step)
