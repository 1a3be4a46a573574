"""A synthetic result of Brian2, and a process that sends it: to load Brian2 takes seconds."""

import numpy as np

from spikelet.bundle import read
from spikelet_converters.brian2.differences import LayerReport, Sample
from spikelet_converters.brian2.report import ValidationReport
from spikelet_converters.choices import TIE_TOLERANCE


def send_report(pipe, path, images, steps, neurons, engine):
    """Send progress and a report; runs in the process of Brian2, in place of `checks.validate_alone`."""
    pipe.send(("progress", (1, 2)))
    pipe.send(("report", report(read(path), steps)))


def report(bundle, steps):
    """Return a synthetic validation without differences."""
    none = np.zeros((steps, 0))
    sample = Sample(0, (), (none > 0, none > 0), (none, none), None)
    graph = bundle.graph
    layers = [
        LayerReport(
            name=name,
            neurons=256,
            of=graph.neurons(name),
            spikes=1_234_567,
            differing_spikes=0,
            ties=0,
            after_ties=0,
            drifts=0,
            max_potential_difference=0.0,
            first_divergence=None,
            sample=sample,
        )
        for name in graph.spiking
    ]
    return ValidationReport(
        bundle=bundle.manifest.name,
        digest=bundle.digest,
        exact=True,
        engine="native",
        brian2_version="2.9.0",
        images=3,
        steps=steps,
        mode="by layer",
        target="numpy",
        seed=0,
        eps=TIE_TOLERANCE,
        seconds=12.3,
        layers=tuple(layers),
    )
