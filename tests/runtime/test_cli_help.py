"""Help of the command line, names of shipped bundles, suggestions for misspellings, results for photographs."""

import argparse
import importlib.metadata
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikelet import cli, shipped
from spikelet.__main__ import main as entry_point
from spikelet.choices import FAULTS, PROFILES, profiles
from spikelet.cli import registry
from spikelet.cli.parser import options, suggestion
from spikelet.metrics import hardware
from spikelet.metrics.faults import KINDS

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
FILES = ("gestures.snnb", "mine.snnb", "recording.csv", "model.onnx", "docs/studies/vgg9-cifar10.toml")
FOLDERS = ("camera", "photos", "cifar", "keys", "runs/a")
KEYS = ("keys/release-2026.key", "runs/a/best.pt")


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(line):
        capsys.readouterr()
        try:
            code = cli.main(shlex.split(line))
        except SystemExit as stop:
            code = stop.code
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


LOADED = """
import json, os, subprocess, sys

def report(line):
    from spikelet import cli
    try:
        cli.main(line.split())
    except SystemExit:
        pass
    print(json.dumps(list(sys.modules)), file=sys.stderr)

if len(sys.argv) == 2:
    report(sys.argv[1])
else:
    for line in sys.argv[1:]:
        if not hasattr(os, "fork"):
            subprocess.run([sys.executable, "-c", sys.orig_argv[2], line], check=True)
        else:  # a copy of this process, which has loaded the list of commands and nothing more
            import spikelet.cli.registry
            if os.fork() == 0:
                report(line)
                sys.stdout.flush(), sys.stderr.flush()
                os._exit(0)
            assert os.wait()[1] == 0
        print("\\f", flush=True)
"""


@pytest.fixture(scope="module")
def loaded():
    """By command, the text of its help and the modules that it loads."""
    lines = ["--help", *(f"{name} --help" for name in registry.names())]
    done = subprocess.run([sys.executable, "-c", LOADED, *lines], capture_output=True, text=True, check=True)
    texts = done.stdout.split("\f\n")[:-1]
    modules = [set(json.loads(line)) for line in done.stderr.splitlines()]
    return dict(zip(lines, zip(texts, modules, strict=True), strict=True))


def test_the_list_of_commands_loads_no_command_and_no_numpy(loaded):
    text, modules = loaded["--help"]
    assert all(re.search(rf"^  {name} +\w", text, re.MULTILINE) for name in registry.names())
    assert not {"numpy", "torch", "spikelet.session"} & modules
    assert not set(registry.modules().values()) & modules


@pytest.mark.parametrize("name", sorted(registry.names()))
def test_the_help_of_a_command_loads_only_that_command(loaded, name):
    text, modules = loaded[f"{name} --help"]
    assert text.startswith(f"usage: spikelet {name}")
    others = set(registry.modules().values()) - {registry.modules()[name]}
    shared = {f"spikelet.cli.{part}" for part in ("analysis.energy", "analysis.report", "keys.keygen")}  # share options
    assert not (others - shared) & modules
    heavy = {"torch", "onnxruntime", "brian2", "PySide6", "pyqtgraph", "matplotlib", "nir", "onnx", "rich"}
    assert not {"numpy", "PIL", "spikelet.session", "spikelet.engines", "spikelet.data", *heavy} & modules


def test_options_offer_what_the_modules_have():
    assert tuple(KINDS) == FAULTS
    assert Path(hardware.__file__).parent / "profiles" == PROFILES
    assert len(profiles()) > 3


def test_the_list_of_commands_reads_the_installed_distributions_once(call, monkeypatch):
    """It takes 10 ms each time with a hundred of them."""
    groups, entry_points = [], importlib.metadata.entry_points
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda group: groups.append(group) or entry_points(group=group)
    )
    registry._of_other_packages.cache_clear()
    assert "convert" in call("--help")[1]
    assert groups == [registry.ENTRY_POINTS]


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, spikelet; print(sorted(set(dir(spikelet)) & set(spikelet.__all__))); print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    import spikelet

    assert done.stdout.splitlines() == [str(sorted(spikelet.__all__)), "False"]
    with pytest.raises(AttributeError, match="module 'spikelet' has no attribute 'lode'"):
        spikelet.lode  # noqa: B018


def test_every_help_line_is_that_of_its_module():
    assert {name: registry.help_line(name) for name in registry.names()} == {
        name: registry.find(name).HELP for name in registry.names()
    }


def all_actions(parser):
    """Yield the arguments of a command and of its subcommands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from all_actions(subparser)
        else:
            yield action


@pytest.mark.parametrize("name", registry.names())
def test_every_argument_is_described_and_names_its_value_briefly(name):
    parser = argparse.ArgumentParser(name, add_help=False)
    registry.find(name).configure(parser)
    for action in all_actions(parser):
        assert action.help, action
        assert action.nargs == 0 or action.choices or action.metavar, action


@pytest.mark.parametrize("example", [cli.EXAMPLE, *(registry.find(name).EXAMPLE for name in registry.names())])
def test_examples_can_be_typed(call, tmp_path, example):
    """Names of shipped bundles are no files; other files in examples belong to the user."""
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    for file in (*FILES, *KEYS):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    program, *arguments = shlex.split(example)
    assert program == "spikelet"
    assert cli.parse(arguments).command is registry.find(arguments[0])


def test_the_example_of_the_help_works(call):
    code, out, _ = call(f"{cli.EXAMPLE.removeprefix('spikelet ')} --count 3 --engine numpy")
    assert code == 0
    assert "vgg9-cifar10" in out


@pytest.mark.parametrize("name", ["vgg5-fashion-mnist", "vgg5-fashion-mnist.snnb"])
def test_shipped_bundles_have_names(call, tmp_path, name):
    code, out, _ = call(f"inspect {name} --json")
    assert code == 0
    assert json.loads(out)["name"] == "vgg5-fashion-mnist"
    (tmp_path / "vgg5-fashion-mnist").mkdir()  # the folder of an export, say
    assert call(f"inspect {name}")[0] == 0
    (tmp_path / name).unlink() if (tmp_path / name).is_file() else None
    (tmp_path / "vgg5-fashion-mnist.snnb").write_bytes(b"mine")
    assert call("inspect vgg5-fashion-mnist.snnb")[0] == 1, "a file comes before a name"


def test_models_lists_the_shipped_bundles(call):
    code, out, _ = call("models --json")
    models = {model["name"]: model for model in json.loads(out)["models"]}
    assert code == 0
    assert sorted(models) == [path.stem for path in shipped.bundles()]
    assert models["vgg5-fashion-mnist"]["input"] == [1, 28, 28]
    assert models["vgg9-cifar10"]["data"].startswith("500 of CIFAR-10")
    _, text, _ = call("models")
    assert "vgg9-cifar10" in text
    assert str(shipped.bundles()[0].parent) in text


def test_models_without_the_package(call, monkeypatch):
    monkeypatch.setattr(shipped, "files", list)
    code, _, err = call("models")
    assert code == 2
    assert "the package spikelet_assets is missing" in err
    assert "nothing: no such file or folder (" in call("inspect nothing")[2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("rnu vgg9-cifar10", "spikelet: unknown command 'rnu'; did you mean run? (spikelet --help)"),
        ("insepct x", "did you mean inspect?"),
        (
            "run vgg9-cifar10 --stpes 4",
            "spikelet run: unknown option --stpes; did you mean --steps? (spikelet run --help)",
        ),
        ("run --stpes 4", "unknown option --stpes; did you mean --steps?"),
        ("run vgg9-cifar10 --egnine=numpy", "unknown option --egnine; did you mean --engine?"),
        ("run vgg9-cifar10 --engine nmupy", "invalid choice: 'nmupy'; did you mean numpy?"),
        ("run vgg9-cifar10 --engine gpu", "invalid choice: 'gpu'; choose from auto, numpy, onnx, native"),
        ("run vgg9-cifer10", "vgg9-cifer10: no such file or folder; did you mean vgg9-cifar10?"),
        ("run vgg9", "vgg9: no such file or folder; did you mean vgg9-cifar10 or vgg9-cifar100?"),
        ("run vgg", "did you mean vgg5-fashion-mnist or vgg9-cifar10 or vgg9-cifar100?"),
        ("run vgg9-cifar10 --T 4", "unknown option --T; did you mean --steps?"),
        ("run vgg9-cifar10 -T 4", "unknown option -T; did you mean --steps?"),
        ("run vgg9-cifar10 --data x.npz", "unknown option --data; DATA is an argument without an option"),
        ("compare a.snnb b.snnb --data=x.npz", "unknown option --data; DATA is an argument without an option"),
        ("run --bundle vgg9-cifar10", "unknown option --bundle; BUNDLE is an argument without an option"),
        (f"convert -o x x {__file__}", f"unexpected argument {__file__}; did you mean --data {__file__}?"),
        ("convert -o x x missing.npz", "unexpected argument missing.npz ("),
        ("info vgg9-cifar10", "unknown command 'info'; did you mean inspect?"),
        ("run zzz", "zzz: no such file or folder; shipped bundles: "),
        ("export c vgg9-cifar10 x --mcv", "unknown option --mcv; did you mean --mcu?"),
        ("export nri vgg9-cifar10 x", "did you mean nir?"),
        ("doctor now", "unexpected argument now"),
        ("run -q", "the following arguments are required: BUNDLE"),
        ("doctor -q", "unknown option -q"),
        ("--vesrion", "unknown option --vesrion; did you mean --version?"),
    ],
)
def test_near_misses_are_one_line_with_a_suggestion(call, line, message):
    code, out, err = call(line)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert "usage" not in err
    code, out, err = call(f"{line} --json")
    assert code == 2
    assert err.count("\n") == 1
    assert json.loads(out)["error"] in err


@pytest.mark.parametrize(
    ("line", "start"),
    [
        ("", "usage: spikelet [-h] [--version] COMMAND"),
        ("help", "usage: spikelet [-h] [--version] COMMAND"),
        ("help export", "usage: spikelet export"),
        ("help run more", "usage: spikelet run"),
    ],
)
def test_no_command_and_the_word_help_print_help(call, line, start):
    code, out, err = call(line)
    assert (code, err) == (0, "")
    assert out.startswith(start)
    assert call("help exprot")[0] == 2


def test_distant_names_are_not_suggested():
    assert suggestion("--zzz", ["--steps", "--engine"]) == ""
    assert suggestion("--step", ["--steps", "--stop"]) == "; did you mean --steps?"
    assert {"--mcu", "--dt", "--json"} <= set(options(cli.build_parser()))


def test_photographs_are_answered_by_name_with_confidence_and_runner_up(call, tmp_path):
    (tmp_path / "photos").mkdir()
    for name, pixels in zip(("b.png", "a.png", "c.jpg"), PHOTOS, strict=True):
        Image.fromarray(pixels).save(tmp_path / "photos" / name)
    code, out, _ = call("run vgg9-cifar10 photos --engine numpy --steps 4 --json")
    assert code == 0
    answers = json.loads(out)["answers"]
    assert [answer["file"] for answer in answers] == ["a.png", "b.png", "c.jpg"]
    for answer in answers:
        assert 1 / 10 <= answer["confidence"] < 1
        assert 0 < answer["runner_up_confidence"] <= answer["confidence"]
        assert answer["runner_up"] != answer["answer"]
    code, out, _ = call("run vgg9-cifar10 photos --engine numpy --steps 4")
    first = answers[0]
    line = next(line for line in out.splitlines() if line.startswith("a.png"))
    expected = [
        first["answer"],
        f"{first['confidence']:.0%}",
        first["runner_up"],
        f"{first['runner_up_confidence']:.0%}",
    ]
    assert line.split() == ["a.png", *expected]
    part = json.loads(call("run vgg9-cifar10 photos --count 2 --engine numpy --steps 4 --json")[1])["answers"]
    assert all(answer in answers for answer in part)


def test_doctor_lists_what_every_part_needs(call):
    facts = json.loads(call("doctor --json")[1])
    assert {"PySide6-Essentials", "pyqtgraph", "nir", "onnx", "torch", "brian2", "matplotlib"} <= set(facts["packages"])
    assert facts["assets"] == [str(path) for path in shipped.files()]
    text = call("doctor")[1]
    for path in shipped.bundles():
        assert f"shipped: {path}" in text


def test_the_package_is_imported_from_the_folder_above_a_clone(tmp_path):
    """A folder `spikelet` without a module is a namespace package, which a regular package must come before."""
    (tmp_path / "spikelet").symlink_to(ROOT)
    command = [sys.executable, "-c", "import spikelet; print(spikelet.load.__module__)"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "spikelet.session.model\n"


def test_an_interrupt_outside_a_command(monkeypatch, capsys):
    """Ctrl-C may come while modules are imported, or while the command line is read."""

    def interrupted(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "parse", interrupted)
    assert entry_point() == 130
    assert capsys.readouterr().err == "spikelet: interrupted\n"
