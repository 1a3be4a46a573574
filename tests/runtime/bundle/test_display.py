"""Any results and provenance of a manifest are refused in one sentence, or can be displayed everywhere."""

import copy
import json
from argparse import Namespace

import pytest

from hostile.bundles import bases, put_together
from hostile.mutations import NUMBERS
from spikelet.bundle import archive, decode
from spikelet.bundle.card import card
from spikelet.cli.analysis import inspect
from spikelet.data import stated_options
from spikelet.errors import BundleError
from spikelet.metrics.accuracy import source_results
from spikelet.report.tables import conversion_table

RESULT = {
    "data": "d",
    "digest": "e",
    "engine": "numpy",
    "command": "c",
    "images": 10,
    "steps": 2,
    "accuracy": [0.5, 0.75],
    "accuracy_before_quantisation": [0.5, 1],
    "float_accuracy": 0.9,
    "agreement_with_float": 1,
}
STEP = {
    "steps": 1,
    "spike_rate": 0.1,
    "over_firing": 0.0,
    "under_firing": 0.0,
    "correlation": None,
    "rms_residual": 0.2,
}
LAYER = {
    "layer": "if1",
    "neurons": 144,
    "exact_steps": 5,
    "weight_error": 0.1,
    "activation": 0.5,
    "agreement_through": 0.5,
    "clipped": 0.0,
    "by_step": [STEP, STEP | {"steps": 2}],
}
DESCRIPTION = {
    "name": "n",
    "labels": ["a", "b", "c"],
    "producer": {"name": "p", "version": "1"},
    "provenance": {
        "levels": 4,
        "data": {"name": "d"},
        "list": [1, {"a": [None]}],
        "input_range": [-1, 2.5],
        "input_features": {"kind": "mfcc", "bands": 3},
    },
    "results": [RESULT],
    "conversion": {"bits": 4, "steps": 6, "advice": ["x"], "notes": [], "layers": [LAYER, LAYER | {"layer": "if2"}]},
}
ODD = [
    None,
    True,
    "",
    "1",
    "x" * 10_001,
    [],
    {},
    [[]],
    [None],
    ["a"],
    {"a": 1},
    0,
    -1,
    1.5,
    -0.5,
    1e300,
    10**39,
    2**53 + 1,
]


def paths(value, path=()):
    """Yield the paths, keys and indices, of all nested values."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in entries:
        yield (*path, key)
        yield from paths(item, (*path, key))


def changed(path, value=None, delete=False):
    """Return the description with the value at a path replaced."""
    document = copy.deepcopy(DESCRIPTION)
    node = document
    for key in path[:-1]:
        node = node[key]
    if delete:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return document


def show(bundle, capsys):
    """Call everything that displays a description and needs no engine."""
    card(bundle.graph, bundle.manifest)
    nodes = [inspect._describe(bundle.graph, name) for name in bundle.graph.order]
    assert inspect._text(bundle, nodes, inspect._board(bundle.graph))
    json.dumps(bundle.manifest.results, allow_nan=False)
    stated_options(bundle.manifest.provenance)
    conversion_table([Namespace(bundle=bundle)], ["a"])
    for digest in ("e", "other"):
        source_results(bundle.manifest, Namespace(digest=digest))


def read(document):
    return decode(put_together(bases()[2], **document))


def test_the_description_is_read_and_shown(capsys):
    bundle = read(DESCRIPTION)
    assert bundle.manifest.results == [RESULT]
    assert bundle.manifest.conversion["layers"][0] == LAYER
    show(bundle, capsys)


@pytest.mark.parametrize("path", list(paths(DESCRIPTION)), ids=lambda path: ".".join(map(str, path)))
def test_odd_values(path, capsys):
    """Refusals name the member and the top of the path, in one line of bounded length."""
    for value in ODD:
        try:
            bundle = read(changed(path, value))
        except BundleError as error:
            text = str(error)
            assert text.startswith("manifest.json"), text
            assert str(path[0]) in text
            assert len(text) < 600
            assert "\n" not in text
        else:
            show(bundle, capsys)


@pytest.mark.parametrize("path", list(paths(DESCRIPTION)), ids=lambda path: ".".join(map(str, path)))
def test_missing_values(path, capsys):
    required = {("name",), ("provenance",), ("results",), ("conversion",)}
    required |= {("provenance", "input_features", "kind")}
    required |= {("results", 0, "data"), ("results", 0, "images"), ("producer", "name"), ("producer", "version")}
    document = changed(path, delete=True)
    if path in required:
        # put_together updates the manifest of the base: to remove a key, the base must not have it
        members = dict(bases()[0])
        manifest = json.loads(members["manifest.json"]) | document
        if len(path) == 1:
            del manifest[path[0]]
        members["manifest.json"] = json.dumps(manifest).encode()
        with pytest.raises(BundleError, match=rf"manifest\.json.*{path[-1]} is missing"):
            decode(put_together(members))
    elif path[0] == "labels" and len(path) == 2:
        with pytest.raises(BundleError, match=r"manifest\.json\.labels: expected 3, one per class, found 2"):
            read(document)
    elif path[:2] == ("provenance", "input_range") and len(path) == 3:
        with pytest.raises(BundleError, match=r"provenance\.input_range: expected two numbers LOW < HIGH"):
            read(document)
    elif len(path) == 4 and str(path[2]).startswith("accuracy"):
        with pytest.raises(
            BundleError, match=r"results\[0\]\.accuracy_before_quantisation: expected \d numbers, as in"
        ):
            read(document)
    else:
        show(read(document), capsys)


@pytest.mark.parametrize("key", ["format_version", "ir_version", "lowering_version", "arithmetic", "graph", "members"])
def test_unusual_values_of_required_fields(key):
    manifest = json.loads(bases()[0]["manifest.json"])
    for value in [*ODD, *NUMBERS]:
        if value == manifest[key] and type(value) is type(manifest[key]):
            continue
        if key == "ir_version" and type(value) is int and 1 <= value <= 2:
            continue
        if key == "lowering_version" and type(value) is int and 0 <= value < 2**31:
            continue  # step models of other versions have their own tests
        text = json.dumps(manifest | {key: value}).encode()
        with pytest.raises(BundleError, match=rf"manifest\.json.*{key}|{key} is missing|nested|characters"):
            decode(b"".join(archive.pack(bases()[0] | {"manifest.json": text})))
