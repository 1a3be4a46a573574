"""Runs of a page, compared with runs of the numpy engine."""

from __future__ import annotations

import numpy as np

from spikelet.engines import create, run
from spikelet.metrics.fanout import sites
from spikelet.metrics.tally import costs

RUN = """(async ({page}) => (await page.computed, {
    pixels: Array.from(page.input.pixels), name: page.input.name, steps: page.run.steps, stopped: page.run.stopped,
    prediction: Number(document.documentElement.dataset.prediction), answer: document.getElementById("answer").textContent,
    logits: page.run.logits.map((logits) => Array.from(logits)), operations: page.run.operations,
    spikes: page.run.spikes.map((layer) => layer.map((spikes) => spikes.join(""))),
}))(await spikelet)"""


def check_run(browser, graph):
    """Compare the run of a page with the numpy engine on the same pixels: all logits, spikes and operations.

    Returns the run of the page, as a dictionary.
    """
    actual = browser.evaluate(RUN)
    pixels = np.array(actual["pixels"], np.float32).reshape(1, *graph.input.shape)
    engine = create(graph, "numpy", record=graph.spiking)
    by_neuron, total = costs(graph, sites(graph)), np.zeros(graph.classes)
    for t, logits in run(engine, pixels[None], actual["steps"]):
        assert logits[0].tolist() == actual["logits"][t], f"logits of time-step {t + 1}"
        total += logits[0]
        operations = 0
        for index, name in enumerate(graph.spiking):
            spikes = engine.spikes(name)[0]
            text = "".join(map(str, spikes.reshape(-1).astype(int)))
            assert text == actual["spikes"][index][t], f"spikes of {name} in time-step {t + 1}"
            operations += int((spikes * by_neuron[name]).sum())
        assert operations == actual["operations"][t]
    assert actual["prediction"] == total.argmax()
    return actual
