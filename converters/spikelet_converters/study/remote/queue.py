"""The ordered list of networks that are trained on another machine, and the state of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spikelet.data import ImageSet
from spikelet.files.atomic import replacing
from spikelet_converters.study.config import read_study
from spikelet_converters.study.grid import Run, Study
from spikelet_converters.study.perform import training_images
from spikelet_converters.study.remote.parcels import Group
from spikelet_converters.training.begin import compact

FILES = ("config.json", "best.pt", "last.pt", "log.csv", "log.svg")
SENT = "sent.json"


@dataclass(frozen=True)
class Item:
    """A network of the list.

    Attributes:
        study: The study.
        run: The run, which trains.
        folder: Folder of the study.
    """

    study: Study
    run: Run
    folder: Path

    @property
    def name(self) -> str:
        """Name in messages and parcels: STUDY/RUN."""
        return f"{self.folder.name}/{self.run.name}"

    @property
    def run_folder(self) -> Path:
        """Folder of the run."""
        return self.folder / self.run.name

    @property
    def finished(self) -> bool:
        """Whether the last epoch is done."""
        return _finished(self.run_folder, self.run)

    @property
    def started(self) -> bool:
        """Whether the run has a checkpoint."""
        return (self.run_folder / "last.pt").exists()

    @property
    def ready(self) -> bool:
        """Whether the network from which it starts is finished."""
        if self.run.begins is None:
            return True
        first = self.study.run(self.run.begins)
        return first.checkpoint is not None or _finished(self.folder / first.name, first)

    def files(self) -> Group:
        """Read the files of the run, for a parcel; a finished run has no state of the optimiser."""
        if self.finished:
            compact(self.run_folder)
        paths = [self.run_folder / name for name in FILES]
        return {f"{self.name}/{path.name}": path.read_bytes() for path in paths if path.exists()}


class Queue:
    """Networks of several studies, in the order of the studies and of their runs.

    Args:
        paths: Study files.
        images: Folder with the images of all studies: `cifar100` or `cifar100.npz` for data named "CIFAR-100".
        runs: Folder of the runs, with a folder for each study.
    """

    def __init__(self, paths: Sequence[Path], images: Path, runs: Path) -> None:
        self.runs = runs
        self._data: dict[Path, ImageSet] = {}
        self.items: list[Item] = []
        for path in paths:
            study = read_study(path, images)
            study = replace(study, data=images_of(study, images))
            self.items += [Item(study, run, runs / path.stem) for run in study.runs if run.trains]

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def item(self, name: str) -> Item:
        """Return the network with a name."""
        return next(item for item in self.items if item.name == name)

    def data(self, item: Item) -> ImageSet:
        """Return the training images of a network, read once."""
        path = item.study.path
        if path not in self._data:
            self._data[path] = training_images(item.study)
        return self._data[path]

    @property
    def sent(self) -> list[str]:
        """Names of the finished networks that earlier calls have packed."""
        path = self.runs / SENT
        return list(json.loads(path.read_text("utf-8"))) if path.exists() else []

    def mark_sent(self, names: Sequence[str]) -> None:
        """Add networks to `sent`."""
        self.runs.mkdir(parents=True, exist_ok=True)
        with replacing(self.runs / SENT) as file:
            file.write(json.dumps(sorted({*self.sent, *names})).encode())

    def unsent(self) -> list[Item]:
        """Return the finished networks that have not been packed."""
        sent = self.sent
        return [item for item in self.items if item.name not in sent and item.finished]


def _finished(folder: Path, run: Run) -> bool:
    # The log is written after the checkpoints of an epoch, and quicker to read.
    log = folder / "log.csv"
    rows = len(log.read_text("utf-8").splitlines()) - 1 if log.exists() else 0
    return rows >= int(run.options["epochs"])


def images_of(study: Study, images: Path) -> Path:
    """Return the path of the images of a study in the folder of all images."""
    name = "".join(c for c in (study.data_name or study.path.stem).lower() if c.isalnum())
    packed = images / f"{name}.npz"
    return packed if packed.exists() else images / name
