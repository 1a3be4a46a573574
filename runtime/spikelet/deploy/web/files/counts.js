/* Counts: spikes and operations up to the time cursor. */

import { byId, element, percent, whole } from "./dom.js";

function sum(values, end) {
  return values.slice(0, end).reduce((total, value) => total + value, 0);
}

/** Return the counts of the first `steps` time-steps of a run. */
export function countsOf(network, run, steps) {
  const { macsOnce, macsPerStep, floatMacs } = network.facts.operations;
  return {
    spikes: run.fired.reduce((total, fired) => total + sum(fired, steps), 0),
    synapticOperations: sum(run.operations, steps),
    neuronUpdates: network.neurons * steps,
    macs: macsOnce + macsPerStep * steps,
    floatMacs,
  };
}

/** Show the counts at time-step t (from 0). */
export function showCounts(network, run, t) {
  const steps = t + 1, counts = countsOf(network, run, steps);
  const share = counts.spikes / counts.neuronUpdates;
  const rows = [
    ["Spikes", counts.spikes, `${percent(share)} of ${whole(network.neurons)} neurons in ${steps} time-steps`],
    ["Synaptic operations", counts.synapticOperations, "additions of a weight that spikes cause"],
    ["Neuron updates", counts.neuronUpdates, "every neuron at every time-step"],
    ["Multiply-accumulates", counts.macs, "of values that do not spike; those of the image are computed once"],
    ["Source network", counts.floatMacs, "multiply-accumulates of one evaluation without spikes"],
  ];
  byId("counts").replaceChildren(...rows.map(([name, value, note]) => element("tr", {},
    element("th", { scope: "row", textContent: name }), element("td", { textContent: whole(value) }),
    element("td", { textContent: note }))));
}
