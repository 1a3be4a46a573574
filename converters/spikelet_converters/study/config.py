"""Read a study file (TOML) and expand it to a list of runs.

    title = "…"
    [data]      path, name; images (maximum number of training images), test_images
    [test]      time_steps, bits, engine; calibration (number of training images for baselines with a calibration)
    [grid]      seed = [1, 2, 3], model = ["vgg9"], levels = [4], …: any option of network or recipe, with a list
    [common]    options of every training
    [start]     the training from which all methods start, once per grid point; or checkpoint = "…{seed}…"
    [method.NAME]  options; recipe = "paper" takes those of a named recipe; start = false trains from random weights;
                of = "NAME" | "start" measures that network without training, changed by baseline = "…" (or rival, the
                name of this key in older files), or with copies = k neurons per channel;
                about = "…" is printed with the results

Options of a method override [common]; options of a grid point override both. L is in the grid, as 4, unless [common] or
a method sets `levels`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

from spikelet import options
from spikelet.errors import UsageError
from spikelet.files.decoded import Document, ReadOnlyDocument
from spikelet.files.toml import read_toml
from spikelet.options import shown
from spikelet_converters.baselines import BASELINES
from spikelet_converters.choices import is_code
from spikelet_converters.source_model.networks import NETWORKS
from spikelet_converters.source_model.residuals import RESIDUALS
from spikelet_converters.study.grid import START, Run, Study, run_name
from spikelet_converters.study.tables import check_types
from spikelet_converters.training.phases import SPEC_FIELDS
from spikelet_converters.training.recipe import PRESETS, RECIPE_FIELDS

CALIBRATION = 600  # default number of training images for baselines with a calibration
TABLES = {"title", "about", "data", "test", "grid", "common", START, "method", "reference"}
KEYS = {
    "data": {"path", "name", "images", "test_images"},
    "test": {"time_steps", "bits", "engine", "calibration"},
}
ANY_IMAGES = {"shape": (1, 1, 1), "classes": 1, "mean": (0,), "std": (1.0,)}
OPTIONS = {*SPEC_FIELDS, *RECIPE_FIELDS} - {"shape", "classes", "mean", "std"}


def read_study(path: str | Path, data: str | Path | None = None, start: str | None = None) -> Study:
    """Read a study file.

    Args:
        path: The study file.
        data: Path of the images, instead of that in the file.
        start: Checkpoints from which the methods start, instead of [start] in the file, as "runs/a-s{seed}/best.pt".

    Raises:
        UsageError: The file does not exist or is not TOML, or has an unknown key, a value of a wrong type or out of
            range, or an invalid method, which the message names.

    Examples:
        >>> study = read_study("docs/studies/vgg9-cifar10.toml", data="cifar/")
        >>> study.title, study.time_steps
        ('vgg9 on CIFAR-10 (JPEG copy)', (1, 2, 3, 4, 6, 8, 16, 32))
    """
    path = options.path("path", path)
    content = read_toml(path)
    if start is not None:
        content[START] = {"checkpoint": str(Path(start).resolve())}
    _check_keys(path, "the study", content, TABLES)
    for table, keys in KEYS.items():
        _check_keys(path, f"[{table}]", content.get(table, {}), keys)
    check_types(path, content)
    methods = content.get("method", {})
    if not methods:
        raise UsageError(f"{path}: no [method.NAME]; a study compares methods")
    images, test = content.get("data", {}), content.get("test", {})
    if data is None and "path" not in images:
        raise UsageError(f"{path}: [data] has no path; name the images with --data")
    reference = content.get("reference", next(iter(methods)))
    if reference not in methods:
        raise UsageError(f"{path}: reference: there is no method {shown(reference)}")
    time_steps = test.get("time_steps", [1, 2, 3, 4, 6, 8, 16, 32])
    if not isinstance(time_steps, list) or not time_steps or any(type(t) is not int or t < 1 for t in time_steps):
        expected = "whole numbers of 1 or more"
        raise UsageError(f"{path}: [test] time_steps: expected {expected}, found {shown(time_steps)}")
    runs = tuple(_runs(path, content))
    _check_values(path, runs)
    return Study(
        path=path,
        title=content.get("title", path.stem),
        about=content.get("about", ""),
        data=options.path("data", data) if data is not None else path.parent / images["path"],
        data_name=images.get("name"),
        images=images.get("images"),
        test_images=images.get("test_images"),
        time_steps=tuple(sorted(set(time_steps))),
        bits=test.get("bits", 8),
        engine=test.get("engine", "auto"),
        calibration=_whole(path, "[test] calibration", test.get("calibration", CALIBRATION)),
        reference=reference,
        methods=tuple(methods),
        notes={name: str(options["about"]) for name, options in methods.items() if "about" in options},
        runs=runs,
    )


def _runs(path: Path, content: ReadOnlyDocument) -> list[Run]:
    sets_levels = any("levels" in options for options in (content.get("common", {}), *content["method"].values()))
    grid = {"seed": [0], "model": ["vgg9"], **({} if sets_levels else {"levels": [4]}), **content.get("grid", {})}
    for key, values in grid.items():
        if key not in OPTIONS or not isinstance(values, list) or not values:
            raise UsageError(f"{path}: [grid] {key}: expected an option of network or recipe, with a list of values")
    for model in grid["model"]:
        if model not in NETWORKS and not (isinstance(model, str) and is_code(model)):
            raise UsageError(
                f"{path}: [grid] model: unknown network {shown(model)}; expected {', '.join(NETWORKS)} or "
                "FILE.py:NAME, a file beside the study"
            )
    runs = []
    for values in itertools.product(*grid.values()):
        point = dict(zip(grid, values, strict=True))
        if START in content:
            runs.append(_start(path, content, point))
        pending = dict(content["method"])
        while pending:  # a method that changes the network of another comes after it
            ready = [name for name, options in pending.items() if options.get("of") not in pending]
            if not ready:
                raise UsageError(
                    f"{path}: methods {', '.join(pending)} refer to each other with `of`; train one of them"
                )
            runs += [_method(path, content, point, name, pending.pop(name)) for name in ready]
    return runs


def _check_values(path: Path, runs: Iterable[Run]) -> None:
    """Check the options of all trainings, so that an invalid one is not found only when its run begins."""
    for run in runs:
        if run.trains:
            try:
                run.phase(ANY_IMAGES)
            except UsageError as error:
                raise error.locate(f"{path}: {run.name}") from None


def _start(path: Path, content: ReadOnlyDocument, point: ReadOnlyDocument) -> Run:
    options = dict(content[START])
    checkpoint = options.pop("checkpoint", None)
    name = run_name(START, point)
    if checkpoint is not None:
        try:
            resolved = str(path.parent / str(checkpoint).format(**point))
        except (KeyError, IndexError) as error:
            raise UsageError(f"{path}: [start] checkpoint: {error} is not in [grid]") from None
        except (ValueError, AttributeError, TypeError) as error:
            raise UsageError(f"{path}: [start] checkpoint: {error}; name options as {{seed}}") from None
        return Run(name, START, point, checkpoint=resolved)
    return Run(name, START, point, _options(path, content, point, f"[{START}]", options))


def _method(
    path: Path, content: ReadOnlyDocument, point: ReadOnlyDocument, name: str, options: ReadOnlyDocument
) -> Run:
    where, options = f"[method.{name}]", {key: value for key, value in options.items() if key != "about"}
    if name == START:
        raise UsageError(f'{path}: {where}: "{START}" names the training from which methods start; choose another name')
    older = options.pop("rival", None)
    if older is not None and "baseline" in options:
        raise UsageError(f"{path}: {where}: rival is the older name of baseline; give one of them")
    of, baseline = options.pop("of", None), options.pop("baseline", older)
    has_start = START in content
    if of is not None:
        if of not in content["method"] and not (of == START and has_start):
            raise UsageError(f"{path}: {where} of: there is no method {shown(of)}")
        return _untrained(path, point, name, of, baseline, options)
    if baseline is not None:
        needed = f'baseline = "{baseline}" needs of = "…", the method whose network it changes'
        raise UsageError(f"{path}: {where}: {needed}")
    first = run_name(START, point) if options.pop(START, has_start) else None
    return Run(run_name(name, point), name, point, _options(path, content, point, where, options), first)


def _untrained(path: Path, point: ReadOnlyDocument, name: str, of: str, baseline: str | None, options: Document) -> Run:
    """Return the run of a method that measures the network of another one, with a baseline or copies."""
    where, begins = f"[method.{name}]", run_name(of, point)
    copies = _whole(path, f"{where} copies", options.pop("copies", 1))
    if copies > 1 and baseline is not None:
        raise UsageError(f"{path}: {where}: copies have no effect with a baseline")
    if baseline is None:
        if options:
            raise UsageError(
                f'{path}: {where}: {shown(next(iter(options)))} has no effect without training or baseline = "…"'
            )
        return Run(run_name(name, point), name, point, begins=begins, copies=copies)
    run = Run(run_name(name, point), name, point, begins=begins, baseline=baseline, baseline_options=options)
    if baseline not in BASELINES:
        raise UsageError(f"{path}: {where} baseline: unknown {shown(baseline)}; known: {', '.join(BASELINES)}")
    try:
        run.make_baseline()
    except TypeError as error:
        raise UsageError(f"{path}: {where}: baseline {baseline}: {str(error).rpartition('() ')[2]}") from None
    return run


def _options(path: Path, content: ReadOnlyDocument, point: ReadOnlyDocument, where: str, options: Document) -> Document:
    recipe = options.pop("recipe", None)
    if recipe is not None and recipe not in PRESETS:
        raise UsageError(f"{path}: {where} recipe: unknown {shown(recipe)}; known: {', '.join(PRESETS)}")
    preset = {} if recipe is None else {**PRESETS[recipe].spec, **PRESETS[recipe].recipe}
    merged = {**preset, **content.get("common", {}), **options, **point}
    _check_keys(path, where, merged, OPTIONS)
    if "epochs" not in merged:
        raise UsageError(f"{path}: {where}: epochs is missing")
    if merged.get("residual", "none") not in RESIDUALS:
        known = ", ".join(RESIDUALS)
        raise UsageError(f"{path}: {where} residual: unknown {shown(merged['residual'])}; known: {known}")
    return merged


def _whole(path: Path, where: str, value: object) -> int:
    if type(value) is not int or value < 1:
        raise UsageError(f"{path}: {where}: expected a whole number of 1 or more, found {shown(value)}")
    return value


def _check_keys(path: Path, where: str, table: object, known: set[str]) -> None:
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: {where}: expected a table, found {shown(table)}")
    unknown = [key for key in table if key not in known]
    if unknown:
        raise UsageError(f"{path}: {where}: unknown key {shown(unknown[0])}; known: {', '.join(sorted(known))}")
