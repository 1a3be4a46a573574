"""The test split, kept apart: it is handed out once for each network, after training has ended.

Every opening is a line of `test-ledger.jsonl` in the study's folder: which run, which weights, when. A network that
was tested and then changed is not tested again; an interrupted measurement of the same weights may be repeated, since
nobody has seen its result.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from spikelet.data import ImageSet, read
from spikelet.errors import DataError, SpikeletError

LEDGER = "test-ledger.jsonl"


class SealedTest:
    """The test split of a data set.

    path: the data. folder: of the study. name: what the data is called. count: at most so many images, the first.
    """

    def __init__(self, path: Path, folder: Path, name: str | None = None, count: int | None = None) -> None:
        self.path, self.folder, self.name, self.count = path, folder, name, count

    def open(self, run: str, weights: str, training_digest: str) -> ImageSet:
        """The images, for the one measurement of a run.

        weights: digest of the network that is measured. training_digest: of the images it was trained on.

        Raises:
            SpikeletError: the run was tested already, with a result or with other weights.
            DataError: the "test" images are those it was trained on, or have no labels.
        """
        for line in self._entries():
            if line["run"] == run and (line["weights"] != weights or (self.folder / run / "metrics.json").exists()):
                raise SpikeletError(
                    f"{run}: its test images were used on {line['time']} (weights {line['weights'][:12]}); a network "
                    "is tested once. For another one, choose another name or another folder (--out)"
                )
        images = read(self.path, "test")
        if self.count is not None:
            images = images.take(slice(0, self.count))
        if images.digest == training_digest:
            raise DataError(f"{self.path}: has no test split: the images are those of the training split")
        if images.labels is None:
            raise DataError(f"{self.path}: the test images have no labels")
        entry = {"run": run, "weights": weights, "data": images.digest, "time": time.strftime("%Y-%m-%d %H:%M:%S")}
        with (self.folder / LEDGER).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        return images if self.name is None else images.renamed(self.name)

    def _entries(self) -> list[dict[str, Any]]:
        ledger = self.folder / LEDGER
        return [json.loads(line) for line in ledger.read_text("utf-8").splitlines()] if ledger.exists() else []


def weights_digest(weights: dict[str, Any]) -> str:
    """sha256 over a network's tensors, by name."""
    sha = hashlib.sha256()
    for name in sorted(weights):
        sha.update(name.encode())
        sha.update(weights[name].detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()
