"""Accuracy in parts, and accuracy under faults as rows and text."""

from dataclasses import replace

import numpy as np
import pytest

from spikelet.errors import Cancelled
from spikelet.metrics.fault_results import Point, Robustness
from spikelet.metrics.faults import KINDS, Fault
from spikelet.metrics.measurement import measure
from spikelet.metrics.robustness import robustness
from spikelet_gui.models.activity.source import SourceNetwork
from spikelet_gui.models.analysis.browse import Filter, selected
from spikelet_gui.models.analysis.robustness import complete, faulty_devices, lost, rows, table, verdict
from spikelet_gui.models.analysis.sweep import sweep
from spikelet_gui.models.jobs import PartialProgress


def test_a_sweep_in_parts_is_the_measurement_of_all(bundle, images):
    seen = []
    progress = PartialProgress(
        lambda done, total: None, lambda: progress.deliver(lambda so_far: seen.append(so_far.done))
    )
    result = sweep(bundle, images, 4, "numpy", progress, part=20)
    whole = measure(bundle, images, 4, "numpy")
    assert seen == [20, 40, 50]
    assert result.measured.as_json() == whole.as_json()
    assert result.accuracy == whole.accuracy
    logits, _ = SourceNetwork(bundle.graph, 4).activations(images.images.astype(np.float32))
    assert result.source_accuracy == pytest.approx((logits.argmax(1) == images.labels).mean())
    lost = selected(result, Filter("lost"), 4, 0.0)
    assert (result.source[lost] == images.labels[lost]).all()
    assert (result.counted.predictions[3][lost] != images.labels[lost]).all()


def test_a_sweep_can_be_stopped(bundle, images):
    progress = PartialProgress(lambda done, total: progress.cancelled.set(), lambda: None)
    with pytest.raises(Cancelled):
        sweep(bundle, images, 4, "numpy", progress, part=20)


def test_faults_are_described_in_rows_and_text(bundle, images):
    seen = []
    progress = PartialProgress(lambda done, total: None, lambda: progress.deliver(seen.append))
    result = faulty_devices(bundle, images, 4, 20, 2)(progress)
    assert result == robustness(bundle, images.subset(20), 4, seeds=range(2))
    assert [len(partial.points) for partial in seen] == list(range(29))
    assert [complete(partial) for partial in seen] == [False] * 28 + [True]
    faults = rows(result)
    assert [row.kind for row in faults] == list(KINDS)
    assert [point.fault.level for point in faults[0].points] == list(KINDS["weight-bits"].levels)
    assert all(not row.points for row in rows(seen[0]))
    head, lines = table(result)
    assert head[3] == "accuracy"
    assert len(lines) == 29 * 4
    assert lines[-1] == [
        "input-noise",
        0.2,
        4,
        *(end[-1] for end in (faults[-1].points[-1].accuracy, faults[-1].points[-1].low, faults[-1].points[-1].high)),
    ]


def point(kind, level, *accuracy):
    return Point(Fault(kind, level), list(accuracy), list(accuracy), list(accuracy), [list(accuracy)])


def test_the_verdict_names_what_costs_most():
    sound = point("dropped", 0.0, 0.5, 0.8)
    points = [point("stuck-on", 0.001, 0.5, 0.78), point("stuck-on", 0.02, 0.4, 0.6), point("dropped", 0.05, 0.5, 0.8)]
    result = Robustness("b", "", "d", "", 9, 2, (0,), "accuracy", sound, points)
    assert verdict(result, 2) == (
        "Without faults: 80.0% (80.0% – 80.0%). Faults that cost 5 points or more: neurons that always fire from 2%. "
        "Smaller losses are within the intervals of 9 images."
    )
    assert lost(result, points[1], 2) == pytest.approx(0.25)
    assert verdict(replace(result, points=points[2:]), 2).endswith(
        "No measured fault certainly costs 5 points. Smaller losses are within the intervals of 9 images."
    )
    wide = replace(points[1], high=[0.9, 0.81])
    assert "No measured fault certainly costs" in verdict(replace(result, points=[wide]), 2)
    assert verdict(replace(result, points=[]), 1) == "Without faults: 50.0% (50.0% – 50.0%)."


def test_faults_can_be_stopped(bundle, images):
    progress = PartialProgress(lambda done, total: progress.cancelled.set(), lambda: None)
    with pytest.raises(Cancelled):
        faulty_devices(bundle, images, 4, 20, 1)(progress)
