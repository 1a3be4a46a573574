"""A study file: TOML in, the list of runs out.

    title = "…"
    [data]      path, name; images (at most so many of the training split), test_images
    [test]      time_steps, bits, engine
    [grid]      seed = [1, 2, 3], model = ["vgg9"], levels = [4], …: every option of network or recipe may have a list
    [common]    options of every training
    [start]     a training that all methods begin with, once for each point of the grid; or checkpoint = "…{seed}…"
    [method.NAME]  options; recipe = "paper" takes those of a named recipe; start = false begins with fresh weights;
                of = "NAME" | "start" measures that network without training, after what rival = "…" does to it

What a method is given overrides [common], a point of the grid overrides both.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from spikelet.errors import UsageError
from spikelet.toml import read_toml
from spikelet_converters.baselines import RIVALS, Rival
from spikelet_converters.source_model.networks import NETWORKS, NetworkSpec
from spikelet_converters.source_model.residuals import RESIDUALS
from spikelet_converters.training.phases import SPEC_FIELDS, Phase
from spikelet_converters.training.recipe import PRESETS, RECIPE_FIELDS, Recipe

START = "start"
TABLES = {"title", "about", "data", "test", "grid", "common", START, "method", "reference"}
KEYS = {
    "data": {"path", "name", "images", "test_images"},
    "test": {"time_steps", "bits", "engine"},
}
OPTIONS = {*SPEC_FIELDS, *RECIPE_FIELDS} - {"shape", "classes", "mean", "std"}


@dataclass(frozen=True)
class Run:
    """One network that is trained or changed, and measured.

    name: of its folder. point: its place in the grid. options: of network and recipe; empty where nothing is trained.
    begins: name of the run whose network it begins with. rival, rival_options: what is done to that network.
    """

    name: str
    method: str
    point: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    begins: str | None = None
    checkpoint: str | None = None
    rival: str | None = None
    rival_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seed(self) -> int:
        """Of the run, and of the held-out images."""
        return int(self.point["seed"])

    @property
    def trains(self) -> bool:
        """Whether there is something to train."""
        return bool(self.options)

    def phase(self, facts: Mapping[str, Any]) -> Phase:
        """The training. facts: what the images say about the network."""
        options = dict(self.options)
        if "time_steps" in options:
            options["time_steps"] = tuple(options["time_steps"])
        spec = NetworkSpec(**{**facts, **{k: v for k, v in options.items() if k in SPEC_FIELDS}})
        return Phase(spec, Recipe(**{k: v for k, v in options.items() if k in RECIPE_FIELDS}))

    def make_rival(self) -> Rival | None:
        """What is done to the network after training."""
        return None if self.rival is None else RIVALS[self.rival](**self.rival_options)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as they are written to the run's folder."""
        return {
            "name": self.name,
            "method": self.method,
            "point": dict(self.point),
            "options": dict(self.options),
            "begins": self.begins,
            "checkpoint": self.checkpoint,
            "rival": self.rival,
            "rival_options": dict(self.rival_options),
        }


@dataclass(frozen=True)
class Study:
    """title, about: for people. runs: in an order in which each comes after what it begins with.

    data, data_name: where the images lie, and what they are called. time_steps: T that are tested; the largest is run.
    reference: the method that the others are compared with.
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
    reference: str
    methods: tuple[str, ...]
    runs: tuple[Run, ...]

    def run(self, name: str) -> Run:
        """A run by name."""
        return next(each for each in self.runs if each.name == name)

    def only(self, pattern: str) -> Study:
        """The runs whose names fit a pattern as of a shell, and what they begin with.

        Raises:
            UsageError: none does.
        """
        wanted = {run.name for run in self.runs if fnmatchcase(run.name, pattern)}
        if not wanted:
            raise UsageError(f"{self.path}: no run is named like {pattern!r}; --plan shows their names")
        for run in reversed(self.runs):  # what a run begins with comes before it
            if run.name in wanted and run.begins is not None:
                wanted.add(run.begins)
        return replace(self, runs=tuple(run for run in self.runs if run.name in wanted))


def read_study(path: Path, data: Path | None = None, start: str | None = None) -> Study:
    """The study that a file describes. data: where the images lie, if not where the file says.

    start: checkpoints that methods begin with instead of what the file says, as "runs/a-s{seed}/best.pt".

    Raises:
        UsageError: no such file, not TOML, an unknown key, or a method that cannot be meant; names it.
    """
    content = read_toml(path)
    if start is not None:
        content[START] = {"checkpoint": str(Path(start).resolve())}
    _known(path, "the study", content, TABLES)
    for table, keys in KEYS.items():
        _known(path, f"[{table}]", content.get(table, {}), keys)
    methods = content.get("method", {})
    if not methods:
        raise UsageError(f"{path}: no [method.NAME]; a study compares methods")
    given, test = content.get("data", {}), content.get("test", {})
    if data is None and "path" not in given:
        raise UsageError(f"{path}: [data] has no path; name the images with --data")
    reference = content.get("reference", next(iter(methods)))
    if reference not in methods:
        raise UsageError(f"{path}: reference: there is no method {reference!r}")
    time_steps = test.get("time_steps", [1, 2, 3, 4, 6, 8, 16, 32])
    if not time_steps or any(type(t) is not int or t < 1 for t in time_steps):
        raise UsageError(f"{path}: [test] time_steps: expected whole numbers of 1 or more, found {time_steps!r}")
    return Study(
        path=path,
        title=content.get("title", path.stem),
        about=content.get("about", ""),
        data=data if data is not None else path.parent / given["path"],
        data_name=given.get("name"),
        images=given.get("images"),
        test_images=given.get("test_images"),
        time_steps=tuple(sorted(set(time_steps))),
        bits=test.get("bits", 8),
        engine=test.get("engine", "auto"),
        reference=reference,
        methods=tuple(methods),
        runs=tuple(_runs(path, content)),
    )


def _runs(path: Path, content: Mapping[str, Any]) -> list[Run]:
    grid = {"seed": [0], "model": ["vgg9"], "levels": [4], **content.get("grid", {})}
    for key, values in grid.items():
        if key not in OPTIONS or not isinstance(values, list) or not values:
            raise UsageError(f"{path}: [grid] {key}: expected an option of network or recipe, with a list of values")
    for model in grid["model"]:
        if model not in NETWORKS:
            raise UsageError(f"{path}: [grid] model: unknown network {model!r}; known: {', '.join(NETWORKS)}")
    found = []
    for values in itertools.product(*grid.values()):
        point = dict(zip(grid, values, strict=True))
        if START in content:
            found.append(_start(path, content, point))
        waiting = dict(content["method"])
        while waiting:  # a method that measures another's network comes after it
            ready = [name for name, options in waiting.items() if options.get("of") not in waiting]
            if not ready:
                raise UsageError(f"{path}: methods {', '.join(waiting)} are each `of` another; one must be trained")
            found += [_method(path, content, point, name, waiting.pop(name)) for name in ready]
    return found


def _start(path: Path, content: Mapping[str, Any], point: Mapping[str, Any]) -> Run:
    options = dict(content[START])
    checkpoint = options.pop("checkpoint", None)
    name = run_name(START, point)
    if checkpoint is not None:
        try:
            place = str(path.parent / str(checkpoint).format(**point))
        except (KeyError, IndexError) as error:
            raise UsageError(f"{path}: [start] checkpoint: {error} is not in [grid]") from None
        return Run(name, START, point, checkpoint=place)
    return Run(name, START, point, _options(path, content, point, f"[{START}]", options))


def _method(
    path: Path, content: Mapping[str, Any], point: Mapping[str, Any], name: str, options: Mapping[str, Any]
) -> Run:
    where, options = f"[method.{name}]", dict(options)
    if name == START:
        raise UsageError(f'{path}: {where}: "{START}" is the training that methods begin with; choose another name')
    of, rival = options.pop("of", None), options.pop("rival", None)
    has_start = START in content
    if of is not None:
        if of not in content["method"] and not (of == START and has_start):
            raise UsageError(f"{path}: {where} of: there is no method {of!r}")
        begins = run_name(of, point)
        if rival is None:
            if options:
                raise UsageError(f"{path}: {where}: {next(iter(options))!r} has no meaning without training or rival")
            return Run(run_name(name, point), name, point, begins=begins)
        made = Run(run_name(name, point), name, point, begins=begins, rival=rival, rival_options=options)
        if rival not in RIVALS:
            raise UsageError(f"{path}: {where}: unknown rival {rival!r}; known: {', '.join(RIVALS)}")
        try:
            made.make_rival()
        except TypeError as error:
            raise UsageError(f"{path}: {where}: rival {rival}: {str(error).rpartition('() ')[2]}") from None
        return made
    if rival is not None:
        raise UsageError(f'{path}: {where}: rival = "{rival}" needs of = "…", the network it is done to')
    first = run_name(START, point) if options.pop(START, has_start) else None
    return Run(run_name(name, point), name, point, _options(path, content, point, where, options), first)


def _options(
    path: Path, content: Mapping[str, Any], point: Mapping[str, Any], where: str, options: dict[str, Any]
) -> dict[str, Any]:
    recipe = options.pop("recipe", None)
    if recipe is not None and recipe not in PRESETS:
        raise UsageError(f"{path}: {where} recipe: unknown {recipe!r}; known: {', '.join(PRESETS)}")
    preset = {} if recipe is None else {**PRESETS[recipe].spec, **PRESETS[recipe].recipe}
    found = {**preset, **content.get("common", {}), **options, **point}
    _known(path, where, found, OPTIONS)
    if "epochs" not in found:
        raise UsageError(f"{path}: {where}: how many epochs?")
    if found.get("residual", "none") not in RESIDUALS:
        known = ", ".join(RESIDUALS)
        raise UsageError(f"{path}: {where} residual: unknown {found['residual']!r}; known: {known}")
    return found


def run_name(method: str, point: Mapping[str, Any]) -> str:
    """A folder's name that tells its place in the grid: exact-vgg9-L4-s1."""
    short = {"seed": "s", "levels": "L", "model": ""}
    rest = [f"{short.get(key, key + '=')}{value}" for key, value in point.items() if key != "seed"]
    return "-".join([method, *rest, f"s{point['seed']}"]).replace("/", "_")


def _known(path: Path, where: str, table: Any, known: set[str]) -> None:
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: {where}: expected a table, found {table!r}")
    unknown = [key for key in table if key not in known]
    if unknown:
        raise UsageError(f"{path}: {where}: unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
