"""Access to the test split: once per network, after training.

Every access is recorded as a line of `test-ledger.jsonl` in the folder of the study, with run, weights and time.
A network that was changed after its test is not tested again. An interrupted measurement of the same weights may be
repeated, because it has no result.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

from torch import Tensor

from spikelet.data import ImageSet, read
from spikelet.errors import DataError, SpikeletError
from spikelet.files.decoded import Document
from spikelet_converters.study.stored import read_entries

LEDGER = "test-ledger.jsonl"


class SealedTest:
    """The test split of a data set.

    Args:
        path: The data set.
        folder: Folder of the study.
        name: Name of the data, instead of its own.
        count: Maximum number of images.
    """

    def __init__(self, path: Path, folder: Path, name: str | None = None, count: int | None = None) -> None:
        self.path, self.folder, self.name, self.count = path, folder, name, count

    def open(self, run: str, weights: str, training_digest: str) -> ImageSet:
        """Return the test images for the measurement of a run.

        Args:
            run: Name of the run.
            weights: Digest of the network that is measured.
            training_digest: Digest of the training images.

        Raises:
            SpikeletError: The run was tested already, with a result or with other weights.
            DataError: The test images are the training images, or have no labels.
        """
        for line in read_ledger(self.folder):
            if line["run"] == run and (line["weights"] != weights or (self.folder / run / "metrics.json").exists()):
                raise SpikeletError(
                    f"{run}: its test images were used on {line['time']} (weights {line['weights'][:12]}); a network "
                    "is tested once; choose another name or another folder (--out)"
                )
        images = read(self.path, "test")
        if self.count is not None:
            images = images.take(slice(0, self.count))
        if images.digest == training_digest:
            raise DataError(f"{self.path}: has no test split; the images are those of the training split")
        if images.labels is None:
            raise DataError(f"{self.path}: the test images have no labels")
        entry = {"run": run, "weights": weights, "data": images.digest, "time": time.strftime("%Y-%m-%d %H:%M:%S")}
        with (self.folder / LEDGER).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        return images if self.name is None else images.renamed(self.name)


def read_ledger(folder: Path) -> list[Document]:
    """Return the entries of the ledger of a study: run, weights, digest of the test images, time.

    Raises:
        UsageError: A line contains something else.
    """
    ledger = folder / LEDGER
    return read_entries(ledger) if ledger.exists() else []


def weights_digest(weights: dict[str, Tensor]) -> str:
    """Return the SHA-256 digest of the tensors of a network, in the order of their names."""
    sha = hashlib.sha256()
    for name in sorted(weights):
        sha.update(name.encode())
        sha.update(weights[name].detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()
