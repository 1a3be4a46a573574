"""Log of a training run: `log.csv`, `log.svg`, and event files for TensorBoard in the folder `tensorboard`."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from spikelet.files.atomic import replacing
from spikelet.files.decoded import Document
from spikelet.report.charts import Curve, curves
from spikelet_converters.training.event_files import EventFile

Row = Document
EVENTS = "tensorboard"  # folder of the event files


class RunLog:
    """Writes the log of a run, one row per epoch.

    Args:
        out: Folder of the run.
        done: Number of rows written before the run was resumed.
    """

    def __init__(self, out: Path, done: int) -> None:
        self.out = out
        self._first = max(done, 1)  # a resumed run writes its last row again
        self._events: EventFile | None = None  # a run that fails before its first row leaves no file

    def write(self, log: list[Row]) -> None:
        """Write all rows; the last one is new."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(dict.fromkeys(key for row in log for key in row)))
        writer.writeheader()
        writer.writerows(log)
        for name, content in (("log.csv", text.getvalue()), ("log.svg", chart(log))):
            with replacing(self.out / name) as file:
                file.write(content.encode())
        names = {key: key.replace(".", "/", 1) for key in log[-1]}  # groups of TensorBoard
        scalars = {names[key]: float(value) for key, value in log[-1].items() if value is not None}
        if self._events is None:
            self._events = EventFile(self.out / EVENTS, self._first)
        self._events.write(int(log[-1]["epoch"]), scalars)


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
