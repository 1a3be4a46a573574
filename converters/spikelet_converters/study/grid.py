"""A study: a grid of runs, each of which trains or measures one network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from spikelet.errors import UsageError
from spikelet.files.decoded import Document, ReadOnlyDocument
from spikelet_converters.baselines import BASELINES, Baseline
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.training.phases import SPEC_FIELDS, Phase
from spikelet_converters.training.recipe import RECIPE_FIELDS, Recipe, with_tuples

START = "start"  # name of the training from which methods start, and of its table in a study file


@dataclass(frozen=True)
class Run:
    """One network of a study.

    Attributes:
        name: Name of the folder.
        method: Name of the method, or "start".
        point: Grid point.
        options: Options of network and recipe. Empty without training.
        begins: Name of the run from whose network it starts.
        checkpoint: Path of a checkpoint that replaces training.
        baseline, baseline_options: Name and options of the baseline that changes the network.
        copies: Number of neurons per channel of the bundle.
    """

    name: str
    method: str
    point: ReadOnlyDocument
    options: ReadOnlyDocument = field(default_factory=dict)
    begins: str | None = None
    checkpoint: str | None = None
    baseline: str | None = None
    baseline_options: ReadOnlyDocument = field(default_factory=dict)
    copies: int = 1

    @property
    def seed(self) -> int:
        """Seed of the run and of its validation split."""
        return int(self.point["seed"])

    @property
    def trains(self) -> bool:
        """Whether the run trains a network."""
        return bool(self.options)

    def phase(self, facts: ReadOnlyDocument) -> Phase:
        """Return the training. `facts` are the fields of the specification that the images determine."""
        options = with_tuples(self.options)
        spec = NetworkSpec(**{**facts, **{k: v for k, v in options.items() if k in SPEC_FIELDS}})
        return Phase(spec, Recipe(**{k: v for k, v in options.items() if k in RECIPE_FIELDS}))

    def make_baseline(self) -> Baseline | None:
        """Return the baseline that changes the network after training."""
        return None if self.baseline is None else BASELINES[self.baseline](**self.baseline_options)

    def as_dict(self) -> Document:
        """Return the values that are written to the folder of the run."""
        copies = {} if self.copies == 1 else {"copies": self.copies}
        return {
            **copies,
            "name": self.name,
            "method": self.method,
            "point": dict(self.point),
            "options": dict(self.options),
            "begins": self.begins,
            "checkpoint": self.checkpoint,
            "rival": self.baseline,
            "rival_options": dict(self.baseline_options),
        }


@dataclass(frozen=True)
class Study:
    """A grid of runs.

    Attributes:
        path: The study file.
        title, about: Title and description.
        data, data_name: Path and name of the images.
        images, test_images: Maximum number of training and test images.
        time_steps: Values of T that are tested.
        bits: Bits of the weights.
        engine: Engine that runs the bundles.
        calibration: Number of training images for baselines with a calibration.
        reference: Method with which the others are compared.
        methods: Names of the methods.
        notes: Descriptions of methods, by name.
        runs: All runs; every run comes after the run from which it starts.
    """

    path: Path
    title: str
    about: str
    data: Path
    data_name: str | None
    images: int | None
    test_images: int | None
    time_steps: tuple[int, ...]
    bits: int
    engine: str
    calibration: int
    reference: str
    methods: tuple[str, ...]
    notes: Mapping[str, str]
    runs: tuple[Run, ...]

    def run(self, name: str) -> Run:
        """Return the run with a name."""
        return next(run for run in self.runs if run.name == name)

    def only(self, pattern: str) -> Study:
        """Return the study with the runs whose names match a shell pattern, and the runs from which these start.

        Raises:
            UsageError: No name matches.
        """
        selected = {run.name for run in self.runs if fnmatchcase(run.name, pattern)}
        if not selected:
            raise UsageError(f"{self.path}: no run matches {pattern!r}; --plan lists the names")
        for run in reversed(self.runs):
            if run.name in selected and run.begins is not None:
                selected.add(run.begins)
        return replace(self, runs=tuple(run for run in self.runs if run.name in selected))


def run_name(method: str, point: ReadOnlyDocument) -> str:
    """Return the folder name of a run, as exact-vgg9-L4-s1."""
    labels = {"seed": "s", "levels": "L", "model": ""}
    parts = [f"{labels.get(key, key + '=')}{value}" for key, value in point.items() if key != "seed"]
    return "-".join([method, *parts, f"s{point['seed']}"]).replace("/", "_").replace(":", "_")
