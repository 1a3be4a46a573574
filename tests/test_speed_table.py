"""The README's speed table is that of `make bench`, and all contenders compute the same network."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from benchmark_modules import imported
from networks import Builder
from spikelet.engines.onnx_session import open_session
from spikelet.engines.operators import evaluate
from spikelet.nodes import IF, Conv2d, Linear, SumPool2d

ROOT = Path(__file__).resolve().parents[1]


def intercepts() -> bool:
    """Whether the processor has AVX-512 and can intercept CPUID, as Linux says."""
    path = Path("/proc/cpuinfo")
    flags = path.read_text().split() if path.exists() else []
    return {"avx512f", "cpuid_fault"} <= set(flags) and shutil.which("gcc") is not None


@pytest.fixture
def page_tables():
    with imported(*(f"page_tables.{name}" for name in ("readme", "int8", "measured", "native"))) as modules:
        yield modules


def test_the_readme_and_the_page_on_speed_show_the_measured_times(page_tables):
    readme, int8, measured, native = page_tables
    tables = ((readme.README, readme.with_table), (int8.PAGE, int8.with_table), (native.PAGE, native.with_tables))
    for path, with_tables in tables:
        text = path.read_text("utf-8")
        assert with_tables(text, measured.stored()) == text


def test_a_table_has_one_column_of_each_network_and_processor(page_tables):
    text = """
### a
| 1 | 1 | 2 | float network | 9.00 | 9.00 | 1.00 | 1.00 |
| 1 | 1 | 4 | float network | 2.00 | 2.00 | 1.00 | 1.00 |
| 1 | 1 | 4 | ours | 1.00 | 1.10 | 0.50 | 0.55 |
### b
| 1 | 1 | 4 | float network | 8.00 | 8.00 | 1.00 | 1.00 |
| 1 | 1 | 4 | ours | 10.00 | 9.00 | 1.25 | 1.13 |
| 1 | 1 | 4 | peer | 90.00 | 90.00 | 11.25 | 11.25 |
### rates
| 5.0% | 0.1 | 0.5 |
"""
    older = "### a\n| 1 | 1 | 4 | float network | 9.00 | 9.00 | 1.00 | 1.00 |\n| 1 | 1 | 4 | ours | 18.00 | 9.00 | 2.00 | 1.13 |"
    head, _, *rows = page_tables[0].table({"AVX2": older, "AVX-512": text}).splitlines()
    assert head == "| batch 1, one thread; T = 4, with 4 copies T = 1 | a; AVX2 | a; AVX-512 | b; AVX-512 |"
    assert rows == [
        "| float network | 9.00 ms | 2.00 ms | 8.00 ms |",
        "| ours | 18.00 ms, 2.00 × | 1.00 ms, 0.50 × | 10.00 ms, 1.25 × |",
        "| peer |  |  | 90.00 ms, 11.25 × |",
    ]


def test_the_page_on_speed_compares_with_the_fastest_network_of_8_bits(page_tables):
    page = """
### a
| 1 | 1 | 4 | int8, OpenVINO | 2.00 | 1.00 | 2.00 | 1.00 |
| 1 | 1 | 4 | int8, ONNX Runtime | 4.00 | 4.00 | 4.00 | 4.00 |
| 1 | 1 | 4 | spikelet, native | 3.00 | 3.00 | 3.00 | 3.00 |
| 1 | 1 | 4 | spikelet, native, 4 copies | 1.00 | 1.00 | 1.00 | 1.00 |
| | | | fastest int8 / native, 9 rounds | | | 0.7 times | 0.7 times |
| 32 | 1 | 4 | spikelet, native | 9.00 | 9.00 | 9.00 | 9.00 |
### b
| 32 | 1 | 4 | int8, OpenVINO | 2.00 | 2.00 | 2.00 | 2.00 |
| 32 | 1 | 4 | spikelet, native | 1.00 | 1.00 | 1.00 | 1.00 |
"""
    head, _, *rows = page_tables[1].table({"AVX2": page, "AVX-512": page[: page.index("### b")]}).splitlines()
    assert head == "| one thread | AVX2 | AVX-512 |"
    assert rows == [
        "| a; T = 4, batch 1 | 1.50 | 1.50 |",
        "| a; 4 copies, T = 1, batch 1 | 0.50 | 0.50 |",
        "| b; T = 4, batch 32 | 0.50 |  |",
    ]


def test_the_page_on_speed_compares_with_the_float_network_and_with_one_thread(page_tables):
    page = """
### a
| 1 | 1 | 4 | float network | 2.00 | 2.00 | 1.00 | 1.00 |
| 1 | 1 | 4 | spikelet, native | 3.00 | 9.00 | 1.50 | 9.00 |
| 1 | 1 | 4 | spikelet, native, step by step | 4.00 | 9.00 | 2.00 | 9.00 |
| 1 | 2 | 4 | spikelet, native | 2.00 | 9.00 | 9.00 | 9.00 |
### b
| 32 | 1 | 4 | spikelet, native, 4 copies | 1.00 | 9.00 | 0.25 | 9.00 |
"""
    pages, native = {"AVX2": page, "AVX-512": page[: page.index("### b")]}, page_tables[3]
    head, _, *rows = native.to_float(pages).splitlines()
    assert head == "| native / float network, one thread | AVX2 | AVX-512 |"
    assert rows == [
        "| a; T = 4, batch 1 | 1.50 | 1.50 |",
        "| a; T = 4, step by step, batch 1 | 2.00 | 2.00 |",
        "| b; 4 copies, T = 1, batch 32 | 0.25 |  |",
    ]
    assert native.to_two_threads(pages).splitlines()[2:] == ["| a; T = 4, batch 1 | 1.50 | 1.50 |"]


RESTRICTED = """
import sys
sys.path.insert(0, "tests/benchmarks")
from contenders import processors
processors.restrict_to_avx2()
import subprocess
from numpy._core._multiarray_umath import __cpu_features__ as features
macros = subprocess.run(["gcc", "-march=native", "-dM", "-E", "-"], input="", capture_output=True, text=True, check=True).stdout
print(features["AVX2"], any(features[name] for name in features if name.startswith("AVX512")), "__AVX2__" in macros, "__AVX512F__" in macros)
print(processors.description())
"""


@pytest.mark.skipif(not intercepts(), reason="the processor has no AVX-512, or CPUID cannot be intercepted")
def test_a_restricted_process_its_libraries_and_its_compiler_use_avx2(tmp_path):
    script = tmp_path / "restricted.py"
    script.write_text(RESTRICTED, "utf-8")
    lines = subprocess.run(
        [sys.executable, script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert lines[0] == "True False True False"
    assert "restricted to AVX2" in lines[1]


@pytest.mark.parametrize(
    ("flags", "pages"),
    [
        ("sse2 avx2", ["AVX2"]),
        ("sse2 avx2 cpuid_fault", ["AVX2"]),
        ("avx2 avx512f", ["AVX-512"]),
        ("avx2 avx512f cpuid_fault", ["AVX-512", "AVX2"]),
        ("sse2", []),
    ],
)
def test_the_pages_are_those_that_the_processor_can_measure(monkeypatch, flags, pages):
    with imported("pages") as (module,):
        monkeypatch.setattr(module.processors, "_first_processor", lambda: {"model name": "A", "flags": flags})
        assert module.measurable() == pages
        if pages == ["AVX2"]:
            module.processors.restrict_to_avx2()  # returns: there is nothing to restrict
            assert module.processors.description() == "A with AVX2"


@pytest.fixture
def isolated():
    with imported("contenders.isolated") as (module,):
        yield module


@pytest.mark.skipif(not hasattr(os, "fork"), reason="contenders are forked processes")
def test_contenders_run_while_the_others_are_stopped(isolated, monkeypatch):
    monkeypatch.setattr(isolated, "WARM", 0)

    def spinning():
        threading.Thread(target=spin, daemon=True).start()
        return lambda steps: steps

    def spin():
        while True:
            pass

    def broken():
        raise ImportError("no module named openvino")

    contenders = [isolated.Contender(build) for build in (spinning, lambda: len, broken)]
    assert [contender.failure for contender in contenders] == [
        "",
        "TypeError: object of type 'int' has no len()",
        "ImportError: no module named openvino",
    ]
    wall, cpu = contenders[0].measure(0)
    assert cpu >= 0
    assert wall > 0
    if os.path.exists("/proc/self/stat"):  # state T: stopped, although one of its threads has work
        state = Path(f"/proc/{contenders[0].pid}/stat").read_text().rpartition(") ")[2][0]
        assert state == "T"
    for contender in contenders:
        contender.close()
    assert isolated.alone(sum, [1, 2]) == 3


@pytest.fixture
def int8():
    pytest.importorskip("onnx")
    with imported("contenders.int8") as (module,):
        yield module


def test_the_float_network_has_the_rates_that_spikes_stand_for(int8):
    """Each layer of neurons is clip(x / theta, 0, 1) for any factors of the weights."""
    net = Builder((2, 9, 8), np.random.default_rng(4))
    net.conv("conv1", 5, (3, 2), (2, 1), (1, 0))
    net.neuron("if1", scale=3000)
    net.add("pool", SumPool2d((2, 3), (2, 3)))
    net.conv("conv2", 6)
    net.neuron("if2", scale=40)
    graph = net.graph()
    images = np.random.default_rng(5).integers(0, 256, (3, 2, 9, 8)).astype(np.float32)
    values = {}
    for name in graph.order:
        node, inputs = graph.nodes[name], [values[source] for source in graph.predecessors[name]]
        if isinstance(node, IF):
            values[name] = np.clip(inputs[0] / node.theta[:, None, None].astype(np.float32), 0, 1)
        else:
            weight = node.weight.astype(np.float32) if isinstance(node, Conv2d | Linear) else None
            values[name] = evaluate(node, inputs or [images], graph.shapes[name], weight)
    expected = values[graph.output_name]
    session = open_session(int8.float_model(graph).SerializeToString(), 1)
    actual = session.run(None, {"image": images})[0]
    assert 0.1 < values["if1"].mean() < 0.9
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-3)
    assert int8.accuracy(lambda part: part, expected, expected.argmax(1), batch=2) == 1


def test_a_runtime_that_fails_is_named(int8, monkeypatch):
    def broken(path, threads):
        raise ImportError("no module named openvino")

    monkeypatch.setattr(int8, "_openvino", broken)
    monkeypatch.setattr(int8, "_onnx_runtime", lambda path, threads: len)
    runs, failed = int8.runtimes({"float": "a", "int8": "b"}, 1)
    assert runs == {"float, ONNX Runtime": len, "int8, ONNX Runtime": len}
    assert failed == dict.fromkeys(("float, OpenVINO", "int8, OpenVINO"), "no module named openvino")


@pytest.mark.parametrize(
    ("form", "product_bytes", "vector_bytes", "operations"),
    [
        ("lists", 32, 32, 3 * 4 * 100),  # two additions and a shift for 32 weights, in each of four time-steps
        ("lists", 64, 64, 3 * 4 * 50),
        ("tables", 32, 32, 4 * 100),  # 16 sums of four weights
        ("counts", 32, 32, 4 * 2 * 200),
        ("counts", 64, 64, 4 * 100),
        ("image", 32, 32, 2 * 400),
        ("dense", 32, 32, 4 * 2 * 800),
    ],
)
def test_the_least_operations_of_a_form(form, product_bytes, vector_bytes, operations):
    layer = {"form": form, "dense": 6400, "added": 3200.0}
    with imported("layer_tables") as (layer_tables,):
        assert layer_tables.least_operations(layer, 4, product_bytes, vector_bytes) == operations
