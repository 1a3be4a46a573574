"""Files of a study that are read again: metrics of runs, published results, and the ledger.

They may have been edited, merged, or cut short on a full disk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spikelet.bundle.fields import Fields
from spikelet.errors import BundleError, SpikeletError, UsageError
from spikelet.files.decoded import Document
from spikelet.files.json_object import read_object
from spikelet_converters.baselines import BASELINES

MOST = 2**53  # of a count
AGAIN = "remove the file, and run the study again"
PUBLISHED = "expected results that `spikelet study --publish` has written"


def read_run_metrics(path: Path) -> Document:
    """Read the metrics of one run. Raises UsageError if the file contains something else."""
    metrics: Document = read_object(path)
    with _naming(AGAIN):
        check_metrics(str(path), metrics)
    return metrics


def read_published(path: Path) -> Document:
    """Read published results: a list of metrics, "results", and a list of entries, "ledger".

    Raises:
        UsageError: The file contains something else.
    """
    document: Document = {"ledger": [], **read_object(path)}  # earlier versions have no ledger
    with _naming(PUBLISHED):
        fields = Fields(str(path), document)
        for index, metrics in enumerate(fields.items("results")):
            check_metrics(f"{path}.results[{index}]", metrics)
        for index, entry in enumerate(fields.items("ledger")):
            check_entry(f"{path}.ledger[{index}]", entry)
    return document


def read_entries(ledger: Path) -> list[Document]:
    """Read a ledger, one JSON object in each line. Raises UsageError for a line that contains something else."""
    entries: list[Document] = []
    for number, line in enumerate(ledger.read_text("utf-8", errors="replace").splitlines(), start=1):
        try:
            entries.append(json.loads(line))
            check_entry(f"{ledger}: line {number}", entries[-1])
        except (ValueError, RecursionError, BundleError):
            raise UsageError(
                f"{ledger}: line {number}: expected an object with the texts run, weights and time; complete the line, "
                "which records that test images were used"
            ) from None
    return entries


def check_entry(where: str, value: object) -> None:
    """Raise BundleError unless a value is an entry of a ledger."""
    entry = Fields(where, value)
    for key in ("run", "weights", "time"):
        entry.text(key)


def check_metrics(where: str, value: object) -> None:
    """Raise BundleError unless a value has the metrics of a run that summaries, plots and pages use."""
    metrics = Fields(where, value)
    for key in ("name", "method", "neuron", "command"):
        metrics.text(key)
    for key in ("options", "rival_options"):
        metrics.object(key)
    _check_present(metrics, "begins", "rival", "about", "training")
    for key in ("begins", "rival", "about"):
        if not metrics.null(key):
            metrics.text(key)
    if not metrics.null("rival"):
        _check_baseline(metrics)
    metrics.items("bundles")
    for key in ("pre_steps", "bits"):
        metrics.whole(key, 0, MOST)
    metrics.object("point").whole("seed")
    _check_by_time(metrics.object("accuracy"), 1)
    for key in ("noise_off", "noise_on"):
        metrics.object("source").number(key, 0, 1)
    metrics.object("test").text("data")
    metrics.object("test").whole("images", 0, MOST)
    _check_costs(metrics)


def _check_baseline(metrics: Fields) -> None:
    name, values = metrics.text("rival"), metrics.object("rival_options").raw()
    if name not in BASELINES:
        raise BundleError.at(f"{metrics.path}.rival", f"expected one of {', '.join(BASELINES)}, found {name!r}")
    metrics.text("about")
    try:
        BASELINES[name](**values)
    except (TypeError, SpikeletError) as error:
        raise BundleError.at(f"{metrics.path}.rival_options", f"expected options of {name} ({error})") from None


def _check_costs(metrics: Fields) -> None:
    """Check the costs of a network. Metrics of earlier versions have no operations, compute and neurons."""
    if not metrics.null("training"):
        training = metrics.object("training")
        _check_present(training, "device", "epoch_seconds")
        if not training.null("epoch_seconds"):
            training.number("epoch_seconds", 0)
    if not metrics.null("operations"):
        _check_by_time(metrics.object("operations"))
    if "compute" in metrics:
        for key in ("run", "start"):
            metrics.object("compute").number(key, 0)
        metrics.whole("neurons", 1, MOST)
    for key in ("neurons", "copies"):
        if key in metrics:
            metrics.whole(key, 1, MOST)


def _check_present(fields: Fields, *keys: str) -> None:
    """Raise BundleError if a key is missing whose value may be null."""
    for key in keys:
        if key not in fields:
            raise BundleError.at(fields.path, f"{key} is missing", expected=key)


def _check_by_time(numbers: Fields, most: float | None = None) -> None:
    """Check numbers by T."""
    for key in numbers.raw():
        if not (key.isascii() and key.isdecimal() and len(key) < 10):
            raise BundleError.at(numbers.path, f"expected numbers of time-steps as keys, found {key!r}")
        numbers.number(key, 0, most)


@contextmanager
def _naming(remedy: str) -> Iterator[None]:
    """Raise UsageError with a remedy instead of BundleError."""
    try:
        yield
    except BundleError as error:
        raise UsageError(f"{error}; {remedy}") from None
