"""Background tasks in words, and those whose results would be lost."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath

from spikelet_gui.models.jobs import Jobs, kind_of

LONG = 10.0  # seconds after which the results of a task are worth a question before it is cancelled
TITLES = {
    "open": "Opening",
    "image": "Reading",
    "kept": "Reading results",
    "run": "Running",
    "costs": "Estimating energy",
    "second": "Opening",
    "sweep": "Measuring accuracy",
    "residuals": "Measuring residuals",
    "robustness": "Running fault sweep",
    "plan": "Measuring settings",
    "compare": "Comparing",
    "survey": "Comparing all images",
    "verify": "Replaying golden inputs",
    "validate": "Validating in Brian2",
    "report": "Writing the report",
    "file": "Checking the file",
    "second file": "Checking the file",
}
INDEPENDENT = ("report",)  # of the open bundle: written from results at hand
MEASURED = ("sweep", "residuals", "robustness", "plan", "survey", "verify", "validate")


def title(key: str) -> str:
    """Return what a task does, in words, with the name of the file that it writes."""
    return f"{TITLES[kind_of(key)]} {PurePath(key.partition(':')[2]).name}".rstrip()


def progress(key: str, done: int, total: int) -> str:
    """Return what a task does, and how far it is: the finished and all parts, 0 while unknown."""
    return f"{title(key)} {done:,} of {total:,}" if total else title(key)


def lost(jobs: Jobs, kinds: Collection[str]) -> list[str]:
    """Return the running tasks, in words, whose results would be lost if they were cancelled now.

    Args:
        jobs: The tasks.
        kinds: Kinds of tasks that would be cancelled.
    """
    return [progress(key, *parts) for key, parts in jobs.running_for(LONG).items() if kind_of(key) in kinds]
