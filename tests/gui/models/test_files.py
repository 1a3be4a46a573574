"""Documents, inputs and settings, valid and damaged."""

import json
from itertools import pairwise

import numpy as np
import pytest

from bundle_changes import repacked, with_manifest
from gui_support.bundles import plain_graph
from spikelet.bundle import Bundle, Manifest, write
from spikelet.errors import DataError
from spikelet.graph import Graph
from spikelet.nodes import IF, Input, Linear, Output
from spikelet.verify import record_golden
from spikelet_gui.models.session import settings as stored
from spikelet_gui.models.session.document import BrokenBundle, open_document
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.sources.data_file import DataFile
from spikelet_gui.models.session.sources.inputs import can_draw, fit, open_source
from spikelet_gui.models.session.sources.rgb import shown


def test_a_changed_member_is_named(path, tmp_path):
    raw = bytearray(path.read_bytes())
    at = raw.index(b"# small")
    raw[at] ^= 1
    broken = tmp_path / "small.snnb"
    broken.write_bytes(raw)
    with pytest.raises(BrokenBundle) as caught:
        open_document(broken)
    states = {check.member: check.state for check in caught.value.checks}
    assert "card.md" in str(caught.value)
    assert states["card.md"] == "failed"


@pytest.mark.parametrize(
    ("damage", "member", "message"),
    [
        (lambda path: repacked(path, card__md=None), "card.md", "is missing"),
        (lambda path: repacked(path, readme__txt=b"hello"), "readme.txt", "is not a member of a bundle"),
        (
            lambda path: with_manifest(path, lambda m: m["graph"]["nodes"][1].update(kind="Odd")),
            "manifest.json",
            "unknown kind 'Odd'",
        ),
        (
            lambda path: with_manifest(path, lambda m: m.update(labels=["a"])),
            "manifest.json",
            "expected 3, one per class, found 1",
        ),
        (lambda path: repacked(path, weights__safetensors=b"12345678"), "weights.safetensors", "bytes"),
    ],
    ids=["missing", "extra", "node", "labels", "weights"],
)
def test_the_member_that_breaks_a_rule_is_marked_for_any_text(path, tmp_path, damage, member, message):
    broken = tmp_path / "broken.snnb"
    broken.write_bytes(damage(path))
    with pytest.raises(BrokenBundle) as caught:
        open_document(broken)
    failed = {check.member: check.message for check in caught.value.checks if check.state == "failed"}
    assert set(failed) == {member}
    assert message in failed[member]


def test_a_file_that_is_no_bundle_is_refused_in_a_sentence(tmp_path):
    file = tmp_path / "note.snnb"
    file.write_text("hello")
    with pytest.raises(BrokenBundle) as caught:
        open_document(file)
    assert str(caught.value) == "not a bundle: the file does not begin as a ZIP archive"
    assert {check.state for check in caught.value.checks} == {"unknown"}


def test_a_picture_is_fitted_with_a_note(tmp_path):
    image = pytest.importorskip("PIL.Image")
    file = tmp_path / "wide.png"
    image.fromarray(np.zeros((50, 80, 3), np.uint8)).save(file)
    pixels, note = fit(file, (1, 8, 8))
    assert pixels.shape == (1, 8, 8)
    assert note == "80×50 colour → centre 50×50 → resampled to 8×8 → to grey"


def test_a_data_set_of_another_size_is_refused(tmp_path, bundle):
    file = tmp_path / "odd.npz"
    np.savez(file, images=np.zeros((2, 3, 9, 9), np.uint8))
    with pytest.raises(DataError, match="images of"):
        open_source(DataFile(file), bundle)


def test_any_input_can_be_looked_at():
    assert shown(np.zeros((3, 4, 5), np.float32), 0, 255).shape == (4, 5, 3)
    assert shown(np.zeros((7, 4, 5), np.float32), 0, 255).shape == (4, 5, 3)
    assert shown(np.zeros(9, np.float32), 0, 255).shape == (1, 9, 3)
    assert can_draw(plain_graph(channels=1))
    assert not can_draw(plain_graph())


def test_the_most_steps_are_those_that_are_proven(tmp_path, bundle):
    file = tmp_path / "a.snnb"
    write(bundle, file)
    assert open_document(file).most_steps == min(1024, bundle.manifest.exact_steps)


def test_settings_are_restored(tmp_path):
    settings = stored.Settings(theme="light", steps=16)
    for name in "abcdefghijkl":
        settings.remember(tmp_path / f"{name}.snnb")
    settings.remember(tmp_path / "f.snnb")
    stored.save(settings, tmp_path / "new" / "inspector.json")
    loaded = stored.load(tmp_path / "new" / "inspector.json")
    assert loaded == settings
    assert len(loaded.recent) == stored.RECENT
    assert loaded.recent[0].endswith("f.snnb")


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"steps": "many", "recent": [3], "theme": null}', "\x00"])
def test_damaged_settings_are_as_at_the_first_start(tmp_path, text):
    file = tmp_path / "inspector.json"
    file.write_text(text)
    assert stored.load(file) == stored.Settings()
    assert stored.load(tmp_path / "none") == stored.Settings()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("image", [-1, 2**40]),
        ("steps", [0, -3, 10**30]),
        ("speed", [0.0, -1.0, float("nan"), float("inf"), 10**400]),
        ("threshold", [-1.0, float("nan"), float("inf"), 1e300]),
        ("window", ["\ud800", "é"]),
        *((name, ["a" * 300, "b/" * 4000, "\0", "\ud800"]) for name in ("bundle", "second")),
        *((name, [["a" * 300], [["a" * 300]], [["\0"]], [3], [[]]]) for name in ("recent", "data", "recent_data")),
    ],
)
def test_settings_out_of_range_are_as_at_the_first_start(tmp_path, name, values):
    file = tmp_path / "inspector.json"
    for value in values:
        file.write_text(json.dumps({name: value}))
        assert stored.load(file) == stored.Settings(), value


def test_an_odd_speed_becomes_the_nearest(tmp_path):
    assert Inspector(lambda call: None, stored.Settings(speed=3), None).cursor.speed in (2.0, 4.0)


def test_arrays_of_a_network_of_features_are_read_with_the_range_that_the_bundle_states(tmp_path):
    one = np.ones(3, np.int16)
    nodes = {"x": Input((3,), 0 * one), "if": IF(*(9 * np.ones((2, 3), np.int32))), "fc": Linear(np.eye(3, dtype=np.int8),
             np.zeros(3, np.int32)), "y": Output()}  # fmt: skip
    graph = Graph(nodes, tuple(pairwise(nodes)))
    described = Manifest("features", exact_steps=1, bits=8, provenance={"input_range": [-1.0, 1.0]})
    bundle = Bundle(graph, described, record_golden(graph, np.zeros((1, 3), np.int16), 1), "")
    np.save(tmp_path / "a.npy", np.array([[-1.0, 0.0, 1.0], [5.0, -5.0, 0.5]], np.float32))
    source = open_source(DataFile(tmp_path / "a.npy"), bundle)
    assert source.images.tolist() == [[0, 128, 255], [255, 0, 191]]
    with pytest.raises(DataError, match="takes 3 numbers, not images"):
        open_source(DataFile(tmp_path / "a.png"), bundle)
