"""Brian2 imports with the installed NumPy, leaves the process unchanged, and has a clear error if it is missing."""

import gc
import importlib.util
import json
import subprocess
import sys
import traceback
from dataclasses import replace

import numpy as np
import pytest

from networks import small_graph
from offline import NO_NETWORK
from spikelet import cli
from spikelet.errors import MissingDependency, SpikeletError
from spikelet_converters.brian2 import simulator, statements
from spikelet_converters.brian2.network import simulate


def test_quantities_keep_their_ptp():
    brian2 = simulator.load()
    if not hasattr(brian2.Quantity, "ptp"):
        pytest.skip("this version of Brian2 has none where NumPy has none; to run: use Brian2 2.9")
    spread = (np.array([1.0, 4.0, 2.5]) * brian2.volt).ptp()
    assert float(spread / brian2.volt) == 3.0
    assert brian2.have_same_dimensions(spread, brian2.volt)


def test_loading_in_a_thread_leaves_the_process_as_it_was_and_needs_no_network():
    """As does `spikelet doctor`, which loads Brian2 too."""
    code = (
        "import sys, signal, threading, warnings;"
        "from spikelet import cli;"
        "old = sys.excepthook, warnings.showwarning, signal.getsignal(signal.SIGINT), signal.signal;"
        "from spikelet_converters.brian2 import simulator;"
        "thread = threading.Thread(target=simulator.load); thread.start(); thread.join();"
        "assert 'brian2' in sys.modules;"
        "assert old == (sys.excepthook, warnings.showwarning, signal.getsignal(signal.SIGINT), signal.signal);"
        "assert not [each for each in sys.meta_path if isinstance(each, simulator._Finder)];"
        "assert cli.main(['doctor', '--json']) == 0"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", NO_NETWORK + code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(json.loads(done.stdout)["checks"]) == ["brian2"]


def variables():
    """Return the variables of Brian2 that are in memory, by identity."""
    from brian2.core.variables import ArrayVariable

    gc.collect()
    return {id(value) for value in gc.get_objects() if isinstance(value, ArrayVariable)}


def test_no_variable_of_a_network_remains():
    """Kept statements must not refer to the variables of a deleted network, which hold its values."""
    simulator.load()
    graph, before = small_graph(), variables()
    simulate(graph, np.zeros((1, 1, *graph.input.shape), np.float32), 2)
    assert variables() <= before


def test_statements_are_generated_once_for_each_model(monkeypatch):
    """An input over time is a function of its own in every network, for which they are generated again."""
    simulator.load()
    from brian2.codegen import translation
    from brian2.codegen.generators import base

    assert base.make_statements is translation.make_statements
    made = []

    def counted(code, variables, *args, **kwargs):
        made.append(code)
        return make(code, variables, *args, **kwargs)

    make = base.make_statements.__wrapped__
    for module in (base, translation):
        monkeypatch.setattr(module, "make_statements", statements.kept(counted))

    def run(graph):
        made.clear()
        simulate(graph, np.ones((1, 1, *graph.input.shape), np.float32), 2)
        return [code for code in made if "pixels(" not in code]

    graph, other = small_graph(), small_graph()
    assert run(graph) != []
    assert run(other) == []
    name = graph.spiking[0]
    assert graph.neuron(name).reset != "zero"
    changed = replace(graph, nodes={**graph.nodes, name: replace(graph.neuron(name), reset="zero")})
    assert set(run(changed)) == {"v = 0"}


def test_the_files_of_templates_are_not_looked_at_again(monkeypatch):
    import jinja2

    graph = small_graph()
    inputs = np.full((1, 1, *graph.shapes[graph.input_name]), 100.0, np.float32)
    first = simulate(graph, inputs, 2)
    looked = []
    monkeypatch.setattr(
        jinja2.Template, "is_up_to_date", property(lambda template: looked.append(template.name) or True)
    )
    again = simulate(graph, inputs, 2)
    assert all(np.array_equal(again[name].potentials, trace.potentials) for name, trace in first.items())
    assert looked == []


def test_statements_depend_on_the_kinds_of_variables_and_the_options():
    simulator.load()
    from brian2 import prefs
    from brian2.core.functions import DEFAULT_FUNCTIONS, Function
    from brian2.core.variables import Variable

    results = iter(range(100))
    make = statements.kept(lambda *args, **kwargs: next(results))
    real, whole = (Variable("v", dtype=dtype) for dtype in (np.float64, np.int32))
    other, floor = Function(np.floor, arg_units=[1], return_unit=1), DEFAULT_FUNCTIONS["floor"]
    calls = [
        ("v = 1", {"v": real}), ("v = 2", {"v": real}), ("v = 1", {"v": whole}), ("v = 1", {"u": real}),
        ("v = 1", {"v": Variable("v", dtype=np.float64, scalar=True)}), ("v = 1", {"v": real, "floor": floor}),
    ]  # fmt: skip
    first = [make(code, known, np.float64) for code, known in calls]
    assert first == list(range(len(calls)))
    assert [make(code, known, np.float64) for code, known in calls] == first
    assert make("v = 1", {"v": Variable("v", dtype=np.float64)}, np.float64) == first[0]
    others = [
        make("v = 1", {"v": real}, np.float32), make("v = 1", {"v": real}, np.float64, optimise=False),
        make("v = 1", {"v": real}, np.float64, blockname="b"),
        *(make("v = 1", {"v": real, "floor": other}, np.float64) for _ in range(2)),
    ]  # fmt: skip
    before = prefs.codegen.loop_invariant_optimisations
    prefs.codegen.loop_invariant_optimisations = not before
    try:
        others.append(make("v = 1", {"v": real}, np.float64))
    finally:
        prefs.codegen.loop_invariant_optimisations = before
    assert len({*first, *others}) == len(first) + len(others)


def test_no_message_is_composed_that_is_not_logged(monkeypatch):
    """Brian2 composes five of them, with all generated code, for each piece of code."""
    simulator.load()
    from brian2.codegen import codeobject
    from brian2.utils import stringtools

    composed, represent = [], stringtools.code_representation
    for module in (codeobject, sys.modules["brian2.devices.device"]):
        monkeypatch.setattr(module, "code_representation", lambda code: composed.append(code) or represent(code))
    graph = small_graph()
    simulate(graph, np.zeros((1, 1, *graph.input.shape), np.float32), 2)
    assert composed == []
    assert codeobject.code_representation("x = 1") == represent("x = 1")


def test_the_call_stack_is_not_read_for_each_object(monkeypatch):
    """A network has hundreds of objects, and the stack of a user's program may be deep."""
    simulator.load()
    from brian2.core import base

    reads, extract_stack = [], traceback.extract_stack

    def counted():
        reads.append(1)
        return extract_stack()

    monkeypatch.setattr(traceback, "extract_stack", counted)
    graph = small_graph()
    simulate(graph, np.zeros((1, 1, *graph.input.shape), np.float32), 2)
    assert reads == []
    base.BrianObject(name="of_a_user*", dt=base.second)._network = "in use"
    assert len(reads) == 1


def test_no_unit_is_chosen_for_a_message_that_is_not_logged(monkeypatch):
    """Brian2 prints the time-step of each object's clock."""
    from brian2 import ms
    from brian2.units import fundamentalunits

    printed, array2string = [], np.array2string
    monkeypatch.setattr(np, "array2string", lambda *a, **k: printed.append(1) or array2string(*a, **k))
    graph = small_graph()
    simulate(graph, np.zeros((1, 1, *graph.input.shape), np.float32), 2)
    assert printed == []
    assert str(2 * ms) == "2. ms"
    with simulator.building():
        assert [str(2 * ms), str([1, 2] * ms)] == ["0.002", "2 values"]
    assert fundamentalunits.Quantity.in_best_unit.__name__ == "in_best_unit"


def test_a_missing_brian2_is_named_in_an_error(monkeypatch):
    monkeypatch.delitem(sys.modules, "brian2", raising=False)
    monkeypatch.setattr(simulator, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r'Brian2 is not installed: pip install "spikelet\[brian2\]"'):
        simulator.load()


def test_a_brian2_that_cannot_be_imported_is_named_in_an_error(monkeypatch, tmp_path):
    (tmp_path / "brian2.py").write_text("raise AttributeError('numpy.ndarray has no attribute ptp')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [module for module in sys.modules if module.partition(".")[0] == "brian2"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(
        SpikeletError, match=r'does not load with NumPy .* \(AttributeError: .*pip install "numpy<2\.4"'
    ):
        simulator.load()
    assert importlib.util.find_spec("brian2") is not None


def test_doctor_reports_how_brian2_is_loaded(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["packages"]["brian2"] == simulator.load().__version__
    assert f"works with NumPy {np.__version__}" in facts["checks"]["brian2"]
    assert ("ptp" in facts["checks"]["brian2"]) == (not hasattr(np.ndarray, "ptp"))
