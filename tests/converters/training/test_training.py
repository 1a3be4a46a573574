"""Training: bit-identical repetition and resume, and checkpoints chosen on the validation split."""

import csv
import shutil
from dataclasses import replace

import pytest
import torch

from converters_support import colours
from spikelet.data import ImageSet
from spikelet.errors import DataError, SpikeletError
from spikelet_converters.source_model import networks
from spikelet_converters.source_model.evaluation import evaluate
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.training.augmentation.crops import crop_and_flip
from spikelet_converters.training.checkpoint import load_checkpoint
from spikelet_converters.training.execution import Execution
from spikelet_converters.training.loop import split, train
from spikelet_converters.training.recipe import Recipe
from spikelet_converters.training.training_pass import augment
from spikelet_converters.training.user_network import define

SPEC = NetworkSpec("vgg5", (3, 8, 8), 3, (125, 123, 114), (63.0, 62.0, 67.0), 4, "gaussian", 1.0)
RECIPE = Recipe(epochs=5, seed=5, batch=16, learning_rate=0.05)


@pytest.fixture(scope="module")
def data():
    return colours(120, "colours train")


def same(a, b):
    return all(torch.equal(x, b.weights[name]) for name, x in a.weights.items())


@pytest.fixture(scope="module")
def finished_run(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("train") / "run"
    train(SPEC, RECIPE, data, out, execution=Execution(command="spikelet train …"))
    return out


def test_it_learns(finished_run, data):
    best = load_checkpoint(finished_run / "best.pt")
    assert best.provenance["validation"]["float_accuracy"] > 0.8
    assert evaluate(best.network(), data, (4,))["spiking_accuracy"] > 0.6
    assert best.provenance["classes"] == ["red", "green", "blue"]
    assert best.provenance["command"] == "spikelet train …"
    assert best.provenance["recipe"]["seed"] == 5


def test_accuracy_at_several_time_steps(finished_run, data):
    network = load_checkpoint(finished_run / "best.pt").network()
    accuracy = evaluate(network, data, (1, 4), batch=50)
    alone = [evaluate(network, data, (t,))["spiking_accuracy"] for t in (1, 4)]
    assert [accuracy["spiking_accuracy.T1"], accuracy["spiking_accuracy.T4"]] == alone
    assert accuracy["spiking_accuracy"] == sum(alone) / 2


def test_the_log_has_a_row_an_epoch_with_sigma_and_lambda(finished_run):
    with (finished_run / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, 6)]
    assert float(rows[0]["sigma.if1"]) == 0.0, "T = L and constant input"
    assert float(rows[-1]["sigma.if4"]) > 0
    assert all(float(row[f"lambda.if{i}"]) > 0 for row in rows for i in range(1, 5))


def test_the_same_run_stopped_and_continued_gives_the_same_bits(finished_run, data, tmp_path):
    out = tmp_path / "stopped"

    class StopError(Exception):
        pass

    def stop(row):
        if row["epoch"] == 2:
            raise StopError

    with pytest.raises(StopError):
        train(SPEC, RECIPE, data, out, execution=Execution(on_epoch=stop))
    assert len(load_checkpoint(out / "last.pt").training["log"]) == 2
    resumed = train(SPEC, RECIPE, data, out, resume=True)
    assert same(load_checkpoint(finished_run / "last.pt"), load_checkpoint(out / "last.pt"))
    assert same(load_checkpoint(finished_run / "best.pt"), resumed)


def _sums(*names, width=6):
    """Return a network that adds two linear layers, which are called in the order of some names."""

    class Sums(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Linear(192, width), torch.nn.Linear(192, width)
            self.last = torch.nn.Linear(width, 3)

        def forward(self, x):
            one, other = (getattr(self, name)(x.flatten(1)) for name in names)
            return self.last((one + other).relu())

    return Sums()


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        (lambda: _sums("first", "second", width=7), r"first\.weight is \(6, 192\), in the network \(7, 192\)"),
        (lambda: _sums("second", "first"), "another order of its layers"),
    ],
)
def test_a_run_whose_network_has_other_code_now_is_not_resumed(data, tmp_path, monkeypatch, changed, difference):
    monkeypatch.setitem(networks.USER_NETWORKS, "sums", None)  # is removed afterwards

    def stop(row):
        raise KeyboardInterrupt

    define("sums", lambda: _sums("first", "second"))
    spec = replace(SPEC, model="sums")
    with pytest.raises(KeyboardInterrupt):
        train(spec, RECIPE, data, tmp_path / "run", execution=Execution(on_epoch=stop))
    define("sums", changed)
    with pytest.raises(SpikeletError, match=f"run: was started with another network than sums is now: {difference}; "):
        train(spec, RECIPE, data, tmp_path / "run", resume=True)
    define("sums", lambda: _sums("first", "second"))
    train(spec, RECIPE, data, tmp_path / "run", resume=True)


def test_the_best_is_chosen_by_spiking_accuracy_on_held_out_images(finished_run):
    log = load_checkpoint(finished_run / "last.pt").training["log"]
    best = load_checkpoint(finished_run / "best.pt").provenance["validation"]
    assert best["spiking_accuracy"] == max(row["spiking_accuracy"] for row in log)


def test_held_out_images_are_a_part_of_the_training_images(data):
    training, validation = split(data, RECIPE)
    assert (len(training), len(validation)) == (108, 12)
    rows = {image.tobytes() for image in training.images}
    assert not any(image.tobytes() in rows for image in validation.images)


class TestRefusals:
    def test_a_folder_that_holds_a_run(self, finished_run, data):
        with pytest.raises(SpikeletError, match="contains a training run; continue it with --resume"):
            train(SPEC, RECIPE, data, finished_run)

    @pytest.mark.parametrize(
        ("part", "key", "value"),
        [
            ("provenance", "recipe", {}),
            ("provenance", "recipe", None),
            ("provenance", "data", {}),
            ("provenance", "start", "x"),
            ("training", "log", None),
            ("training", "log", [{"loss": 1.0}]),
            ("training", "log", [{"epoch": 1, "loss": "x"}]),
            ("training", "optimiser", {}),
            ("training", "optimiser", {"state": {}, "param_groups": [5]}),
        ],
    )
    def test_a_damaged_run_is_not_resumed(self, finished_run, data, tmp_path, part, key, value):
        last = load_checkpoint(finished_run / "last.pt")
        last.training["log"] = last.training["log"][:2]
        getattr(last, part)[key] = value
        last.save(tmp_path / "last.pt")
        with pytest.raises(SpikeletError, match=r"last\.pt: damaged checkpoint \("):
            train(SPEC, RECIPE, data, tmp_path, resume=True)

    def test_nothing_to_resume(self, data, tmp_path):
        with pytest.raises(SpikeletError, match=r"nothing to resume; the folder has no last\.pt"):
            train(SPEC, RECIPE, data, tmp_path, resume=True)

    def test_resuming_with_other_options(self, finished_run, data):
        other = Recipe(**(RECIPE.__dict__ | {"batch": 32}))
        with pytest.raises(SpikeletError, match="was started with batch = 16, now 32; resume with the same options"):
            train(SPEC, other, data, finished_run, resume=True)

    def test_resuming_on_other_data(self, finished_run, data):
        with pytest.raises(SpikeletError, match="was started with other data"):
            train(SPEC, RECIPE, data.take(slice(0, 110)), finished_run, resume=True)

    def test_no_labels(self, data, tmp_path):
        with pytest.raises(DataError, match="training needs labels, but the data has none"):
            train(SPEC, RECIPE, ImageSet(data.images, None, None, "bare"), tmp_path / "a")

    def test_too_few_images(self, data, tmp_path):
        few = "images are too few for a batch of 16 and a validation share of 0.1"
        with pytest.raises(DataError, match=f"17 {few}; use a batch of at most 15$"):
            train(SPEC, RECIPE, data.take(slice(0, 17)), tmp_path / "a")
        with pytest.raises(DataError, match=f"2 {few}$"):
            train(SPEC, RECIPE, data.take(slice(0, 2)), tmp_path / "a")

    def test_divergence(self, data, tmp_path):
        wild = Recipe(epochs=1, batch=16, learning_rate=1e9)
        with pytest.raises(SpikeletError, match="training diverged; try a smaller learning rate"):
            train(SPEC, wild, data, tmp_path / "a")


def test_a_broken_last_checkpoint_leaves_the_best_one(finished_run, data, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(finished_run, out)
    (out / "last.pt").write_bytes((out / "last.pt").read_bytes()[:100])
    with pytest.raises(SpikeletError, match=r"last\.pt: not a file that torch can read safely .*; it is damaged"):
        train(SPEC, RECIPE, data, out, resume=True)
    assert load_checkpoint(out / "best.pt").spec == SPEC


class TestAugment:
    def test_images_are_windows_of_the_padded_ones_mirrored_or_not(self):
        images = torch.arange(2 * 1 * 5 * 6).reshape(2, 1, 5, 6).to(torch.uint8) + 1
        padded = torch.nn.functional.pad(images, (4, 4, 4, 4))
        generator = torch.Generator().manual_seed(0)
        flips = 0
        for _ in range(40):
            augmented = crop_and_flip(images, generator)
            assert augmented.shape == images.shape
            for n in range(2):
                windows = [padded[n, :, y : y + 5, x : x + 6] for y in range(9) for x in range(9)]
                plain = any(torch.equal(augmented[n], w) for w in windows)
                mirrored = any(torch.equal(augmented[n], w.flip(-1)) for w in windows)
                assert plain or mirrored
                flips += mirrored and not plain
        assert 20 < flips < 60

    @pytest.mark.parametrize(("shift", "flip"), [(2, False), (0, True), (0, False)])
    def test_shifts_and_mirrors_can_be_left_out(self, shift, flip):
        images = torch.arange(8 * 5 * 6).reshape(8, 1, 5, 6).to(torch.uint8) + 1
        recipe = replace(RECIPE, shift=shift, flip=flip)
        first, second = (augment(images, SPEC, recipe, torch.Generator().manual_seed(seed)) for seed in (0, 1))
        padded = torch.nn.functional.pad(images, (shift,) * 4)
        moved = mirrored = 0
        for n in range(8):
            windows = [padded[n, :, y : y + 5, x : x + 6] for y in range(2 * shift + 1) for x in range(2 * shift + 1)]
            for image in (first[n], second[n]):
                plain = any(torch.equal(image, window) for window in windows)
                assert plain or (flip and any(torch.equal(image, window.flip(-1)) for window in windows))
                mirrored += not plain
                moved += not torch.equal(image, images[n]) and plain
        assert (moved > 4) == (shift > 0)
        assert (mirrored > 4) == flip

    def test_lines_are_moved_along_the_line_only(self):
        lines = torch.arange(1, 51, dtype=torch.uint8).reshape(1, 5, 1, 10).repeat(20, 1, 1, 1)
        moved = crop_and_flip(lines, torch.Generator().manual_seed(1), 3, mirror=False)
        padded = torch.nn.functional.pad(lines[0], (3, 3))
        windows = [padded[..., start : start + 10] for start in range(7)]
        starts = [next(i for i, window in enumerate(windows) if torch.equal(window, line)) for line in moved]
        assert len(set(starts)) > 3

    def test_no_augmentation_leaves_images_as_they_are(self):
        images = torch.arange(4 * 5 * 6).reshape(4, 1, 5, 6).to(torch.uint8)
        recipe = replace(RECIPE, augment=False)
        assert torch.equal(augment(images, SPEC, recipe, torch.Generator().manual_seed(0)), images)

    def test_is_repeatable(self):
        images = torch.randint(0, 256, (8, 3, 8, 8), dtype=torch.uint8)
        first, second = (crop_and_flip(images, torch.Generator().manual_seed(3)) for _ in range(2))
        assert torch.equal(first, second)


def test_memory_that_runs_out_is_not_taken_for_a_broken_file(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 589824 bytes")

    path = tmp_path / "best.pt"
    torch.save({}, path)  # the sizes in the file are checked first
    monkeypatch.setattr(torch, "load", full)
    with pytest.raises(MemoryError):
        load_checkpoint(path)


LAST = Recipe(epochs=1, seed=5, batch=16, learning_rate=0.005, freeze_norm=True, steps=2)


class FirstLoss(Exception):
    """The loss of a first batch, after which a phase is stopped."""


def first_loss(residual, data, out, start):
    """Return the loss of the first batch of a phase that starts from a checkpoint."""

    def stop(progress):
        raise FirstLoss(progress.loss)

    with pytest.raises(FirstLoss) as stopped:
        train(replace(SPEC, residual=residual), LAST, data, out, start=start, execution=Execution(on_batch=stop))
    return stopped.value.args[0]


@pytest.mark.parametrize("residual", ["gaussian", "local", "channel", "empirical"])
def test_a_phase_with_a_start_has_the_measured_error_from_its_first_batch(residual, finished_run, data, tmp_path):
    start = load_checkpoint(finished_run / "best.pt")
    without = first_loss("none", data, tmp_path / "none", start)
    assert first_loss(residual, data, tmp_path / residual, start) != without


def test_a_resumed_phase_is_not_measured_again(finished_run, data, tmp_path):
    start, recipe, spec = (
        load_checkpoint(finished_run / "best.pt"),
        replace(LAST, epochs=2),
        replace(SPEC, residual="local"),
    )
    uninterrupted = train(spec, recipe, data, tmp_path / "a", start=start)

    def stop(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(spec, recipe, data, tmp_path / "b", start=start, execution=Execution(on_epoch=stop))
    assert same(uninterrupted, train(spec, recipe, data, tmp_path / "b", start=start, resume=True))


def test_all_methods_may_be_chosen_at_the_same_time_steps(data, tmp_path):
    recipe = replace(RECIPE, epochs=2, validation_steps=(1, 2, 8))
    best = train(SPEC, recipe, data, tmp_path / "run")
    validation = best.provenance["validation"]
    accuracies = [validation[f"spiking_accuracy.T{t}"] for t in (1, 2, 8)]
    assert validation["spiking_accuracy"] == pytest.approx(sum(accuracies) / 3)
    log = load_checkpoint(tmp_path / "run" / "last.pt").training["log"]
    assert validation["spiking_accuracy"] == max(row["spiking_accuracy"] for row in log)
