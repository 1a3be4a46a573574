"""Types of the values of a study file, which are checked before any of them is used."""

from __future__ import annotations

import math
from pathlib import Path

from spikelet.choices import ENGINES
from spikelet.errors import UsageError
from spikelet.files.decoded import ReadOnlyDocument
from spikelet.files.toml_table import Table
from spikelet_converters.conversion.quantise import BITS

TEXTS = ("recipe", "residual", "of", "baseline", "rival", "about", "checkpoint", "model")
MOST_RUNS = 10_000
MOST_IMAGES = 2**31


def check_types(path: Path, content: ReadOnlyDocument) -> None:
    """Check that tables are tables, texts are texts and numbers are whole where they must be.

    Args:
        path: The study file.
        content: Its content.

    Raises:
        UsageError: A value is of another type; the message names it. Or the grid has more than 10,000 points.
    """
    study = Table(str(path), content)
    _check_texts(study, "title", "about", "reference")
    data, test, methods = study.table("data"), study.table("test"), study.table("method")
    _check_texts(data, "path", "name")
    for key in ("images", "test_images"):
        if key in data:
            data.whole(key, MOST_IMAGES)
    test.one_of("engine", "auto", *ENGINES, otherwise="auto")
    if "bits" in test:
        test.whole("bits", BITS.stop - 1, least=BITS.start)
    for table in (study.table("common"), study.table("start"), *(methods.table(name) for name in methods)):
        _check_texts(table, *TEXTS)
    grid: object = content.get("grid", {})
    study.table("grid")
    assert isinstance(grid, dict)
    sizes = []
    for key, values in grid.items():
        if not isinstance(values, list) or any(isinstance(value, dict) for value in values):
            raise UsageError(f"{path}: [grid] {key}: expected an option of network or recipe, with a list of values")
        if key in TEXTS and not all(isinstance(value, str) for value in values):
            raise UsageError(f"{path}: [grid] {key}: expected a list of texts")
        sizes.append(len(values))
    if math.prod(sizes) > MOST_RUNS:
        raise UsageError(f"{path}: [grid] has {math.prod(sizes):,} points, expected at most {MOST_RUNS:,}")


def _check_texts(table: Table, *keys: str) -> None:
    for key in keys:
        if key in table:
            table.text(key)
