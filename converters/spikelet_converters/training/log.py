"""Log of a training run: `log.csv`, `log.svg`, and TensorBoard events if that package is installed."""

from __future__ import annotations

import csv
import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.files.atomic import replacing
from spikelet.files.decoded import Document
from spikelet.report.charts import Curve, curves

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

Row = Document


class RunLog:
    """Writes the log of a run, one row per epoch.

    Args:
        out: folder of the run.
        done: number of rows written before the run was resumed.
    """

    def __init__(self, out: Path, done: int) -> None:
        self.out = out
        self.board: SummaryWriter | None = None
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self.board = SummaryWriter(str(out / "tensorboard"), purge_step=done + 1)

    def write(self, log: list[Row]) -> None:
        """Write all rows; the last one is new."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(dict.fromkeys(key for row in log for key in row)))
        writer.writeheader()
        writer.writerows(log)
        for name, content in (("log.csv", text.getvalue()), ("log.svg", chart(log))):
            with replacing(self.out / name) as file:
                file.write(content.encode())
        if self.board is not None:
            for key, value in log[-1].items():
                self.board.add_scalar(key.replace(".", "/", 1), value, log[-1]["epoch"])
            self.board.flush()


def chart(log: list[Row]) -> str:
    """Draw the measured residual error by layer and epoch, or the validation accuracies if there is none."""
    sigma = _series(log, "sigma.")
    if sigma:
        return curves("Residual error by layer", sigma, "epoch", "sigma", lambda value: f"{value:.3g}")
    return curves("Validation accuracy", _series(log, "float_accuracy") + _series(log, "spiking"), "epoch", "accuracy")


def _series(log: list[Row], prefix: str) -> list[Curve]:
    keys = dict.fromkeys(key for row in log for key in row if key.startswith(prefix))
    label = prefix if prefix.endswith(".") else ""
    return [
        Curve(key.removeprefix(label), [(row["epoch"], row[key]) for row in log if row.get(key) is not None])
        for key in keys
    ]
