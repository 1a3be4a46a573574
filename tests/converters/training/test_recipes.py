"""Named recipes, schedules, runs of two phases, mixed precision, checkpoints of earlier versions."""

import argparse
import json
import re
import sys
from dataclasses import asdict, fields, replace
from functools import partial

import numpy as np
import pytest
import torch

from awkward_values import VALUES
from converters_support import colours
from spikelet import cli
from spikelet.data import arrays
from spikelet.errors import UsageError
from spikelet_converters.cli import train as command
from spikelet_converters.cli.train_arguments import AUGMENTATIONS, MODELS
from spikelet_converters.cli.training_view import TrainingView
from spikelet_converters.source_model.activation import spiking_layers
from spikelet_converters.source_model.networks import NETWORKS, NetworkSpec
from spikelet_converters.source_model.residuals import RESIDUALS
from spikelet_converters.training.checkpoint import load_checkpoint
from spikelet_converters.training.execution import Execution
from spikelet_converters.training.log import chart
from spikelet_converters.training.loop import train
from spikelet_converters.training.optimiser import make_optimiser, set_rates
from spikelet_converters.training.parallel import choose_device
from spikelet_converters.training.phases import Phase
from spikelet_converters.training.recipe import POLICIES, PRECISIONS, PRESETS, Recipe

SPEC = NetworkSpec("vgg5", (3, 8, 8), 3, (125, 123, 114), (63.0, 62.0, 67.0), 4, "none", 1.0)


@pytest.fixture(scope="module")
def data():
    return colours(90)


def phases(line, data):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.phases(parser.parse_args(["--data", ".", "--out", "x", *line.split()]), data)


class TestNames:
    def test_the_papers_recipe_is_the_authors(self, data):
        """Defaults of their released code, as docs/method.md lists them."""
        (phase,) = phases("--recipe paper", data)
        recipe, spec = phase.recipe, phase.spec
        assert (spec.levels, spec.lambda_init, spec.residual) == (4, 8.0, "gaussian")
        assert (recipe.learning_rate, recipe.momentum, recipe.nesterov) == (0.05, 0.9, False)
        assert (recipe.weight_decay, recipe.epochs, recipe.batch, recipe.seed) == (5e-4, 400, 128, 42)
        assert (recipe.policy, recipe.cutout, recipe.steps, recipe.validation) == ("autoaugment", 16, 4, 0.1)
        assert recipe.measure_augmented

    def test_the_control_differs_only_in_the_noise(self, data):
        (paper,), (control,) = phases("--recipe paper", data), phases("--recipe paper-qcfs", data)
        assert control.recipe == paper.recipe
        assert asdict(control.spec) == {**asdict(paper.spec), "residual": "none"}

    def test_the_default_trains_the_quantiser_then_the_exact_residual(self, data):
        first, last = phases("--epochs 9 --seed 5", data)
        assert (first.spec.residual, first.recipe.epochs) == ("none", 9)
        assert (last.spec.residual, last.recipe.seed, last.recipe.freeze_norm) == ("exact", 5, True)
        assert last.recipe.time_steps == PRESETS["spikelet"].finish["time_steps"]

    def test_options_override_those_of_the_recipe(self, data):
        (only,) = phases("--residual gaussian --epochs 2", data)
        assert only.spec.residual == "gaussian"
        first, last = phases("--finish-epochs 7 --finish-time-steps 1 limit --finish-learning-rate 0.3", data)
        assert (last.recipe.epochs, last.recipe.time_steps, last.recipe.learning_rate) == (7, (1, "limit"), 0.3)
        assert first.recipe.learning_rate == 0.1
        assert len(phases("--finish no", data)) == 1
        for phase in phases("--validation-steps 1 2 4", data):
            assert phase.recipe.times == (1, 2, 4)
        other = phases("--recipe qcfs --finish gaussian", data)[1]
        assert (other.spec.residual, other.spec.train_potential, other.recipe.time_steps) == ("gaussian", False, ())

    @pytest.mark.parametrize(
        ("line", "augment", "shift", "flip"),
        [
            ("", True, 4, True),
            ("--augment shift-flip", True, 4, True),
            ("--augment shift", True, 4, False),
            ("--augment flip", True, 0, True),
            ("--augment none", False, 4, True),
        ],
    )
    def test_augmentation_can_be_chosen_for_both_phases(self, data, line, augment, shift, flip):
        for phase in phases(line, data):
            assert (phase.recipe.augment, phase.recipe.shift, phase.recipe.flip) == (augment, shift, flip)

    def test_every_named_recipe_can_be_built(self, data):
        for name in PRESETS:
            assert phases(f"--recipe {name}", data)

    def test_the_command_offers_all_choices(self):
        """The command lists them itself, because the parser is built without torch."""
        parser = argparse.ArgumentParser()
        command.configure(parser)
        choices = {action.dest: action.choices for action in parser._actions if action.choices}
        assert set(MODELS) == set(NETWORKS)
        assert set(choices["residual"]) == set(RESIDUALS)
        assert set(choices["recipe"]) == set(PRESETS)
        assert set(choices["policy"]) == set(POLICIES)
        assert set(choices["precision"]) == set(PRECISIONS)

    def test_an_unknown_option_of_the_last_epochs(self):
        with pytest.raises(UsageError, match="unknown option 'epoch' of the last epochs"):
            Phase(SPEC, Recipe(epochs=1)).followed_by({"epoch": 3})


class TestOptimiser:
    def test_the_steps_are_those_of_torch_without_its_compiler(self, monkeypatch):
        """Parameters and state are equal, also after a resumption, and functions that import the compiler are not called."""
        recipe = Recipe(epochs=1, learning_rate=0.1, momentum=0.9, weight_decay=0.01, lambda_rate=0.5)
        results = []
        for plain in (True, False):
            torch.manual_seed(0)
            network = SPEC.build()
            with monkeypatch.context() as patch:
                if plain:
                    patch.setitem(sys.modules, "torch._dynamo", None)  # to import it is an ImportError
                    patch.setattr(torch.autograd.profiler, "record_function", lambda name: pytest.fail(name))
                    optimiser = _stepped(network, recipe)
                else:
                    patch.setattr("spikelet_converters.training.optimiser.PlainSGD", torch.optim.SGD)
                    optimiser = _stepped(network, recipe)
                    assert type(optimiser) is torch.optim.SGD
            results.append((network.state_dict(), optimiser.state_dict()))
        (weights, state), (other_weights, other_state) = results
        assert all(torch.equal(value, other_weights[key]) for key, value in weights.items())
        assert state["param_groups"] == other_state["param_groups"]
        for number, buffers in state["state"].items():
            assert torch.equal(buffers["momentum_buffer"], other_state["state"][number]["momentum_buffer"])


def _stepped(network, recipe):
    """Return an optimiser after two steps, the second of which is made by a new optimiser with the state of the first."""
    images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    optimiser = make_optimiser(network, recipe)
    for _ in range(2):
        optimiser.zero_grad()
        network(images).square().mean().backward()
        optimiser.step()
        state = optimiser.state_dict()
        optimiser = make_optimiser(network, recipe)
        optimiser.load_state_dict(state)
    return optimiser


class TestSchedule:
    def test_cosine_after_warmup(self):
        recipe = Recipe(epochs=10, learning_rate=0.2, warmup=2)
        assert [recipe.learning_rate_at(e) for e in (0, 1, 2, 6, 10)] == pytest.approx([0, 0.1, 0.2, 0.1, 0])

    def test_thresholds_may_have_separate_rates(self):
        torch.manual_seed(0)
        network = SPEC.build()
        recipe = Recipe(epochs=10, learning_rate=0.2, lambda_rate=0.5, lambda_decay=0.0, lambda_hold=0.3)
        optimiser = make_optimiser(network, recipe)
        weights, thresholds = optimiser.param_groups
        assert len(thresholds["params"]) == len(spiking_layers(network))
        assert thresholds["weight_decay"] == 0
        set_rates(optimiser, recipe, 5.0)
        assert (weights["lr"], thresholds["lr"]) == pytest.approx((0.1, 0.05))
        set_rates(optimiser, recipe, 7.0)
        assert thresholds["lr"] == 0

    def test_no_schedule_brings_lambda_to_zero(self):
        """Two hundred steps whose gradient only decreases lambda, with a large weight decay."""
        torch.manual_seed(0)
        network = SPEC.build()
        recipe = Recipe(epochs=1, learning_rate=1.0, lambda_rate=10.0, lambda_decay=0.1)
        optimiser = make_optimiser(network, recipe)
        for _ in range(200):
            optimiser.zero_grad()
            sum(layer.lam for layer in spiking_layers(network).values()).backward()
            optimiser.step()
        assert all(layer.lam.item() > 0 for layer in spiking_layers(network).values())

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"warmup": -1}, "warmup: expected a number of 0 or more, found -1"),
            ({"lambda_hold": 2}, "lambda_hold: expected a number of 0…1, found 2"),
            ({"precision": "float16"}, 'precision: expected "float32" or "bfloat16", found .float16.'),
            ({"policy": "randaugment"}, 'policy: expected "none" or "autoaugment"'),
            ({"clip": -1}, "clip: expected a number of 0 or more, found -1"),
            ({"spike_price": -1}, "spike_price: expected a number of 0 or more, found -1"),
            ({"lambda_rate": 1e300}, r"lambda_rate: expected a number of 0…1e9, found 1e\+300"),
            ({"lambda_decay": -1}, "lambda_decay: expected a number of 0 or more, found -1"),
            ({"learning_rate": "0.1"}, "learning_rate: expected a number of 0 or more, found '0.1'"),
            ({"momentum": 2}, "momentum: expected a number of 0…1, found 2"),
            ({"nesterov": 1}, "nesterov: expected true or false, found 1"),
            ({"seed": -1}, "seed: expected a whole number of 0.*, found -1"),
            ({"seed": 2**70}, f"seed: expected a whole number of 0…{2**63 - 1}, found {2**70}"),
            ({"batch": 2.5}, "batch: expected a whole number of 1.*, found 2.5"),
            ({"time_steps": 4}, "time_steps: expected a list .*, found 4"),
            ({"price_rise": 1.5}, "price_rise: expected a number of 0…1, found 1.5"),
            ({"shift": -1}, "shift: expected a whole number of 0 or more, found -1"),
            ({"flip": "no"}, "flip: expected true or false, found 'no'"),
            ({"augment": "shift"}, "augment: expected true or false, found 'shift'"),
            (
                {"time_steps": (1, "never")},
                'time_steps: expected a number of 1 or more, "kxT", "limit" or "quantised", found',
            ),
            ({"time_steps": ("0x2",)}, "time_steps: expected a number of 1 or more, .* found '0x2'"),
            ({"validation_steps": (0,)}, "validation_steps: expected a number of 1 or more, .* found 0"),
            ({"validation_steps": ("limit",)}, "validation_steps: expected numbers or \"kxT\", found 'limit'"),
        ],
    )
    def test_invalid_options_are_refused(self, options, message):
        with pytest.raises(UsageError, match=message):
            Recipe(epochs=1, **options)

    @pytest.mark.parametrize("make", [lambda **values: Recipe(**{"epochs": 1, **values}), partial(replace, SPEC)])
    def test_values_of_every_type_are_refused_or_stored_as_numbers_of_python(self, make):
        """`weights_only` of torch reads no numbers of NumPy from a checkpoint."""
        foreign = []
        for field in fields(make()):
            for value in VALUES:
                try:
                    stored = getattr(make(**{field.name: value}), field.name)
                except UsageError:
                    continue
                except Exception as error:
                    foreign.append(f"{field.name}={type(value).__name__}: {type(error).__name__} {error}")
                    continue
                if isinstance(value, np.generic) and type(stored) not in (int, float):
                    foreign.append(f"{field.name}={type(value).__name__} is stored as {type(stored).__name__}")
        assert not foreign

    def test_a_recipe_without_momentum_trains(self):
        optimiser = make_optimiser(SPEC.build(), Recipe(epochs=1, momentum=0))
        assert not optimiser.param_groups[0]["nesterov"]


@pytest.mark.parametrize("name", ["banana", "meta", "cuda:99"])
def test_a_device_that_torch_cannot_use_is_refused(name):
    with pytest.raises(UsageError, match=f"device {name}: torch .*; use --device cpu"):
        choose_device(name)


def test_the_number_of_epochs_of_a_phase(capsys):
    for epochs in (1, 2):
        TrainingView().phase(epochs, 2, Phase(SPEC, Recipe(epochs=epochs)))
    assert capsys.readouterr().out.splitlines() == [
        "phase 1 of 2: 1 epoch, residual none, augmentation: shift, flip",
        "phase 2 of 2: 2 epochs, residual none, augmentation: shift, flip",
    ]


@pytest.mark.parametrize(
    ("options", "augmentation"),
    [
        ({}, "shift, flip"),
        ({"flip": False}, "shift"),
        ({"shift": 0, "cutout": 8}, "flip, cutout 8"),
        ({"augment": False}, ""),
        ({"augment": False, "policy": "autoaugment"}, "autoaugment"),
    ],
)
def test_the_names_of_an_augmentation(options, augmentation):
    assert Recipe(epochs=1, **options).augmentation == augmentation


def test_the_defaults_in_the_help_are_those_of_the_recipe(data, tmp_path):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    first, last = command.phases(parser.parse_args(["--data", str(tmp_path), "--out", "out"]), data)
    values = {**asdict(first.spec), **asdict(first.recipe), "finish": last.spec.residual}
    values |= {f"finish_{name}": value for name, value in asdict(last.recipe).items()} | {"augment": "shift-flip"}
    stated = {}
    for action in parser._actions:
        default = re.search(r"\(default ([^):]+)", action.help)
        if default is not None and action.dest in values:
            stated[action.dest] = default.group(1)
    assert len(stated) > 20
    for name, default in stated.items():
        value = values[name]
        texts = value if isinstance(value, tuple) else (value,)
        assert " ".join(f"{text:g}" if isinstance(text, float) else str(text) for text in texts) == default, name
    assert replace(first.recipe, **AUGMENTATIONS["shift-flip"]) == first.recipe


def test_two_phases_in_one_call_stopped_and_resumed(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arrays.write(tmp_path / "colours.npz", data)
    line = (
        "train --data colours.npz --model vgg5 --batch 16 --seed 3 --learning-rate 0.05 --lambda-init 1 --epochs 2 "
        "--finish-epochs 2 --policy autoaugment --cutout 2 --out "
    )
    assert cli.main([*line.split(), "whole", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    whole = load_checkpoint(tmp_path / "whole" / "last.pt")
    assert report["validation"]["epoch"] in (1, 2)
    assert whole.spec.residual == "exact"
    assert whole.provenance["start"]["recipe"]["epochs"] == 2
    assert (tmp_path / "whole" / "start" / "log.svg").exists()

    from spikelet_converters.training import phases as module

    real, calls = module.train, []

    def stops(spec, recipe, *rest, **options):
        calls.append(spec.residual)
        if spec.residual == "exact" and len(calls) == 2:
            raise KeyboardInterrupt
        return real(spec, recipe, *rest, **options)

    monkeypatch.setattr(module, "train", stops)
    capsys.readouterr()
    assert cli.main([*line.split(), "stopped"]) == 130
    printed = capsys.readouterr()
    assert re.findall("phase .*", printed.out) == [
        "phase 1 of 2: 2 epochs, residual none, augmentation: shift, flip, autoaugment, cutout 2",
        "phase 2 of 2: 2 epochs, residual exact, augmentation: shift, flip, autoaugment, cutout 2",
    ]
    assert printed.err == f"spikelet train: interrupted; continue with: spikelet {line}stopped --resume\n"
    assert cli.main([*line.split(), "stopped", "--resume"]) == 0
    again = load_checkpoint(tmp_path / "stopped" / "last.pt")
    assert all(torch.equal(value, again.weights[key]) for key, value in whole.weights.items())


def test_mixed_precision_learns_too(data, tmp_path):
    recipe = Recipe(epochs=6, batch=16, learning_rate=0.05, seed=1, precision="bfloat16")
    best = train(SPEC, recipe, data, tmp_path / "run")
    assert best.provenance["validation"]["float_accuracy"] > 0.5
    assert all(value.dtype != torch.bfloat16 for value in best.weights.values())


def test_trained_potentials_move_and_start_at_a_half(data, tmp_path):
    spec = NetworkSpec(**{**SPEC.__dict__, "residual": "exact", "train_potential": True})
    start = train(SPEC, Recipe(epochs=1, batch=16), data, tmp_path / "start")
    recipe = Recipe(epochs=1, batch=16, time_steps=(1, 2), freeze_norm=True)
    best = train(spec, recipe, data, tmp_path / "run", start=start)
    shifts = {key: value for key, value in best.weights.items() if key.endswith(".shift")}
    assert set(shifts) == {"if1.shift", "if2.shift", "if3.shift", "if4.shift"}
    assert 0 < max(float((value - 0.5).abs().max()) for value in shifts.values()) < 0.5


def test_a_start_that_held_out_other_images_is_refused(data, tmp_path):
    start = train(SPEC, Recipe(epochs=1, batch=16, seed=1), data, tmp_path / "start")
    with pytest.raises(UsageError, match=r"has another validation split \(seed 1, now 2\).*use seed 1"):
        train(SPEC, Recipe(epochs=1, batch=16, seed=2), data, tmp_path / "run", start=start)


def test_a_run_of_an_earlier_version_is_continued(data, tmp_path):
    """Its checkpoints lack the options that came later, and the optimiser's groups had no names."""
    out, recipe = tmp_path / "run", Recipe(epochs=2, batch=16)

    class StopError(Exception):
        pass

    def stop(row):
        raise StopError

    with pytest.raises(StopError):
        train(SPEC, recipe, data, out, execution=Execution(on_epoch=stop))
    content = torch.load(out / "last.pt", weights_only=True)
    old = (
        "epochs seed batch learning_rate momentum nesterov weight_decay steps validation augment time_steps freeze_norm"
    )
    content["provenance"]["recipe"] = {key: content["provenance"]["recipe"][key] for key in old.split()}
    content["spec"] = {key: value for key, value in content["spec"].items() if key not in ("slope", "train_potential")}
    for group in content["training"]["optimiser"]["param_groups"]:
        del group["kind"]
    torch.save(content, out / "last.pt")
    train(SPEC, recipe, data, out, resume=True)
    whole = train(SPEC, recipe, data, tmp_path / "whole")
    resumed = load_checkpoint(out / "last.pt")
    last = load_checkpoint(tmp_path / "whole" / "last.pt")
    assert whole.spec == resumed.spec
    assert all(torch.equal(value, resumed.weights[key]) for key, value in last.weights.items())


def test_the_log_is_drawn():
    rows = [
        {"epoch": e, "float_accuracy": 0.5, "spiking_accuracy": 0.4, "sigma.if1": 0.0, "sigma.if2": 0.1} for e in (1, 2)
    ]
    assert "Residual error by layer" in chart(rows)
    bare = [{key: value for key, value in row.items() if not key.startswith("sigma")} for row in rows]
    assert "Validation accuracy" in chart(bare)


def test_an_interruption_before_the_first_checkpoint_offers_no_resume(data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arrays.write(tmp_path / "colours.npz", data)

    def stops(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("spikelet_converters.training.phases.train", stops)
    line = "train --data colours.npz --model vgg5 --out run --json"
    assert cli.main(line.split()) == 130
    out = capsys.readouterr().out
    assert json.loads(out) == {"error": "interrupted before the end of the first epoch; nothing was stored"}


def test_residuals_of_fewer_images_than_a_batch_of_training(data, tmp_path, capsys):
    train(SPEC, Recipe(epochs=1, batch=16), data, tmp_path / "run")
    arrays.write(tmp_path / "few.npz", data.subset(20))
    line = ["residuals", str(tmp_path / "run" / "best.pt"), "--data", str(tmp_path / "few.npz"), "--json"]
    assert cli.main(line) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 2
