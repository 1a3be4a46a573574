"""`spikelet deploy --target web`, and its errors."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from networks import small_graph
from spikelet import cli
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, read, write
from spikelet.deploy.web import compiler, web_page
from spikelet.errors import SpikeletError
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.interface import page_source
from spikelet.verify import record_golden


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, exact in (("small", True), ("float", False)):
        graph = small_graph(exact=exact)
        golden = record_golden(graph, np.random.default_rng(0).integers(0, 256, (2, 3, 6, 6)).astype(np.float32), 4)
        manifest = Manifest(name, ("ant", "bee", "cat"), 8 if exact else None, exact_steps(graph) if exact else None)
        write(Bundle(graph, manifest, golden, "# small\n"), tmp_path / f"{name}.snnb")
    return tmp_path


def test_the_command_writes_a_page_that_runs_from_a_file(browser, workspace, capsys):
    np.savez("samples.npz", images=np.arange(5 * 108, dtype=np.uint8).reshape(5, 3, 6, 6), labels=[0, 0, 0, 1, 2])
    line = "deploy small.snnb --target web --images samples.npz -o small.html --json"
    assert cli.main(line.split()) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["bytes"], facts["inputs"]) == ((workspace / "small.html").stat().st_size, 7)
    browser.open(workspace / "small.html")
    assert browser.evaluate("(await spikelet, document.documentElement.dataset.golden)") == "pass"
    offered = browser.evaluate("(await spikelet).page.offered.map(({name, truth}) => [name, truth])")
    names = ["golden input 1", "golden input 2"] + [f"sample: {name}" for name in ("ant", "bee", "cat", "ant", "ant")]
    assert offered == [[name, truth] for name, truth in zip(names, [None, None, 0, 1, 2, 0, 0], strict=True)]


def test_modules_and_pages_of_one_bundle_are_equal(tools, workspace):
    small = read(workspace / "small.snnb")
    source = page_source(HostProgram(small.graph))
    assert compiler.compile_module(source) == compiler.compile_module(source)
    assert web_page(small).html == web_page(small).html


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("deploy small.snnb --target web -o page", 2, "page: expected a name that ends in .html or .htm"),
        ("deploy small.snnb --target x86 --images small.snnb -o board", 2, "--images: is an option of --target web"),
        ("deploy float.snnb --target web -o page.html", 1, "C code is generated for exact networks"),
        ("deploy small.snnb --target web -o small.snnb/page.html", 2, "small.snnb: no such folder"),
    ],
)
def test_invalid_calls_are_refused(workspace, capsys, line, code, message):
    assert cli.main(line.split()) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("missing", compiler.TOOLS)
def test_a_missing_tool_is_named_with_its_remedy(workspace, monkeypatch, capsys, missing):
    present = [name for name in compiler.TOOLS if name != missing]
    monkeypatch.setattr(shutil, "which", lambda name: name if name in present else None)
    assert cli.main(["deploy", "small.snnb", "--target", "web", "-o", "page.html"]) == 1
    error = capsys.readouterr().err
    assert f"expected the program {missing!r}, found none" in error
    assert "sudo apt-get install clang lld" in error
    assert not (workspace / "page.html").exists()


@pytest.mark.parametrize("missing", [(), ("wasm-ld",), compiler.TOOLS])
def test_the_state_of_the_tools_is_stated(monkeypatch, missing):
    monkeypatch.setattr(shutil, "which", lambda name: None if name in missing else name)
    expected = {(): "clang and wasm-ld found", ("wasm-ld",): "wasm-ld missing; install Clang and LLD"}
    assert compiler.tools().startswith(expected.get(missing, "clang and wasm-ld missing; install"))


def test_the_message_of_the_compiler_is_passed_on(tools):
    with pytest.raises(SpikeletError, match=r"(?s)the compiler failed: clang .*error: .*nonsense"):
        compiler.compile_module("nonsense here;")


def test_samples_that_do_not_fit_the_range_of_the_input_are_refused(workspace, capsys):
    graph = small_graph()
    graph = replace(graph, nodes={**graph.nodes, "input": replace(graph.input, low=-5, high=5)})
    golden = record_golden(graph, np.zeros((1, 3, 6, 6), np.float32), 2)
    manifest = Manifest("narrow", ("ant", "bee", "cat"), 8, exact_steps(graph))
    write(Bundle(graph, manifest, golden, "# narrow\n"), workspace / "narrow.snnb")
    assert cli.main(["deploy", "narrow.snnb", "--target", "web", "--images", "small.snnb", "-o", "page.html"]) == 2
    assert "--images: the network takes values -5…5, samples have 0…255" in capsys.readouterr().err
    assert not (workspace / "page.html").exists()
