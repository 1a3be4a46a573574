/* Golden inputs: replay them and compare every spike and every logit with the record of the bundle. */

import { unpackBits } from "./bytes.js";
import { elements } from "./network.js";
import { slices } from "./turns.js";

/** Return the pixels of an input. */
export function goldenInput(tensors, index, facts) {
  const size = elements(facts.shape);
  return tensors.get("golden.input").data.subarray(index * size, (index + 1) * size);
}

/** Replay all golden inputs. Resolves to counts of what was compared and of what differs, and the first difference. */
export async function replay(network, tensors) {
  const { facts } = network, next = slices();
  const result = { inputs: facts.goldenInputs, steps: facts.goldenSteps };
  Object.assign(result, { spikes: 0, neuronSteps: 0, differingSpikes: 0, logits: 0, differingLogits: 0, first: "" });
  for (let input = 0; input < facts.goldenInputs; input++) {
    const run = await network.run(goldenInput(tensors, input, facts), facts.goldenSteps);
    for (let t = 0; t < facts.goldenSteps; t++) {
      compareStep(network, tensors, run, input, t, result);
      await next();
    }
  }
  result.ok = result.differingSpikes === 0 && result.differingLogits === 0;
  return result;
}

function compareStep(network, tensors, run, input, t, result) {
  const { facts, layers, classes } = network;
  const sample = t * facts.goldenInputs + input; // records are [time-step][input]
  for (const [index, layer] of layers.entries()) {
    const packed = tensors.get(`golden.spikes.${layer.name}`).data;
    const bytes = Math.ceil(layer.neurons / 8);
    const expected = unpackBits(packed.subarray(sample * bytes, (sample + 1) * bytes), layer.neurons);
    const actual = run.spikes[index][t];
    result.neuronSteps += layer.neurons;
    for (let i = 0; i < layer.neurons; i++) {
      result.spikes += expected[i];
      if (actual[i] === expected[i]) continue;
      result.differingSpikes += 1;
      result.first ||= `input ${input + 1}, time-step ${t + 1}, layer ${layer.name}, neuron ${i}`;
    }
  }
  const logits = tensors.get("golden.logits").data;
  for (let k = 0; k < classes; k++) {
    result.logits += 1;
    if (run.logits[t][k] === logits[sample * classes + k]) continue;
    result.differingLogits += 1;
    result.first ||= `input ${input + 1}, time-step ${t + 1}, logit of ${facts.labels[k]}`;
  }
}
