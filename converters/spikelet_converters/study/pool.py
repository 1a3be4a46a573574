"""Perform the runs of a study one after another, or in parallel on a Dask cluster.

If a run fails, only the runs that start from it fail as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from spikelet.errors import MissingDependency, SpikeletError
from spikelet.files.decoded import Document, ReadOnlyDocument
from spikelet_converters.study.grid import Study
from spikelet_converters.study.perform import perform
from spikelet_converters.training.execution import Execution

if TYPE_CHECKING:
    from distributed import Client

LOCAL = "local"
CONNECT_TIMEOUT = "10s"


class StudyObserver(Protocol):
    """Receives the progress of a study, for a display."""

    def begin(self, name: str) -> None:
        """Report that a run starts."""

    def tick(self, part: str, done: int, total: int) -> None:
        """Report the work done in a part of the current run, "training" or "testing"."""

    def done(self, name: str, metrics: ReadOnlyDocument) -> None:
        """Report the metrics of a finished run."""

    def failed(self, name: str, message: str) -> None:
        """Report the error of a failed run."""


def run_here(study: Study, folder: Path, execution: Execution, observer: StudyObserver) -> dict[str, str]:
    """Perform all runs one after another.

    Args:
        study: The study.
        folder: Folder of the study.
        execution: Command line and device of the runs.
        observer: Display of the progress.

    Returns:
        Error messages of failed runs by name.
    """
    failed: dict[str, str] = {}
    for run in study.runs:
        if run.begins in failed:
            failed[run.name] = f"starts from {run.begins}, which failed"
            observer.failed(run.name, failed[run.name])
            continue
        observer.begin(run.name)
        try:
            observer.done(run.name, perform(study, run.name, folder, execution, tick=observer.tick))
        except SpikeletError as error:
            failed[run.name] = str(error)
            observer.failed(run.name, failed[run.name])
    return failed


def run_on_dask(
    study: Study, folder: Path, execution: Execution, observer: StudyObserver, address: str, workers: int = 2
) -> dict[str, str]:
    """Perform all runs on a Dask cluster whose machines share the folders.

    Args:
        study: The study.
        folder: Folder of the study.
        execution: Command line and device of the runs.
        observer: Display of the progress.
        address: Address of the scheduler, or "local" to start a cluster on this machine.
        workers: Number of workers of a local cluster.

    Returns:
        Error messages of failed runs by name.

    Raises:
        MissingDependency: The package distributed is not installed.
        SpikeletError: No scheduler answers at the address.
    """
    failed: dict[str, str] = {}
    with _client(address, workers) as client:
        from distributed import as_completed

        futures: Document = {}
        threads = max(1, (os.cpu_count() or 1) // workers) if address == LOCAL else None
        for run in study.runs:
            predecessor = futures.get(run.begins) if run.begins else None
            futures[run.name] = client.submit(
                _remote,
                study,
                run.name,
                folder.resolve(),
                execution,
                threads,
                predecessor,
                pure=False,
                key=f"{run.name}-{uuid4().hex}",
            )
        names = {future.key: name for name, future in futures.items()}
        for future in as_completed(list(futures.values())):
            name = names[future.key]
            error = future.exception()
            result = {"error": str(error)} if error is not None else future.result()
            if "error" in result:
                failed[name] = result["error"]
                observer.failed(name, failed[name])
            else:
                observer.done(name, result)
    return failed


def _remote(
    study: Study, name: str, folder: Path, execution: Execution, threads: int | None, predecessor: Document | None
) -> Document:
    """Perform a run on a worker. Errors are returned as messages, so that Dask does not retry the run."""
    import torch

    if predecessor is not None and "error" in predecessor:
        return {"error": f"starts from {study.run(name).begins}, which failed"}
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        return perform(study, name, folder, execution)
    except SpikeletError as error:
        return {"error": str(error)}


@contextmanager
def _client(address: str, workers: int) -> Iterator[Client]:
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        raise MissingDependency("distributed", "cluster") from None
    if address == LOCAL:
        import dask

        # Without a dashboard nobody sees the profile. The scheduler still serves its state, at port 8787 by default.
        free_port = {"dashboard_address": "127.0.0.1:0"}
        with (
            _restored_environment(),
            dask.config.set({"distributed.worker.profile.enabled": False}),
            LocalCluster(workers, threads_per_worker=1, dashboard_address=None, scheduler_kwargs=free_port) as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = Client(address, timeout=CONNECT_TIMEOUT)
    except (OSError, ValueError) as error:
        raise SpikeletError(f"{address}: no Dask scheduler answers there ({error})") from None
    with client:
        yield client


@contextmanager
def _restored_environment() -> Iterator[None]:
    """Restore the environment variables of this process: Dask sets those of its workers here, too."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
