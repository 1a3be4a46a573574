/* Evidence: for every class, the summed logits as bars over the time-steps, and the value at the time cursor. */

import { byId, element, short } from "./dom.js";
import { marginOf, prediction } from "./network/network.js";

const MOST_CLASSES = 20; // rows; of more classes, those with the largest sums at the end

/** Show the evidence of a run at time-step t (from 0). truth: class of the sample, or null. */
export function showEvidence(facts, run, t, truth) {
  const last = run.sums[run.steps - 1], best = prediction(run.sums[t]);
  const classes = [...facts.labels.keys()];
  const shown = classes.length > MOST_CLASSES
    ? classes.sort((a, b) => last[b] - last[a]).slice(0, MOST_CLASSES) : classes;
  const values = run.sums.flatMap((sums) => shown.map((k) => sums[k] * facts.scale));
  const high = Math.max(0, ...values), low = Math.min(0, ...values);
  byId("evidence").replaceChildren(...shown.map((k) => row(facts, run, t, k, k === best, { low, high })));
  const margin = marginOf(run.sums[t], t + 1, facts.scale);
  const right = truth === null ? "" : truth === best ? " Correct." : ` The label is ${facts.labels[truth]}.`;
  byId("answer").textContent = facts.labels[best];
  byId("answer-note").textContent =
    `after ${t + 1} of ${run.steps} time-steps; leads by ${Number.isFinite(margin) ? short(margin) : "any margin"} ` +
    `(mean logit).${right}`;
}

function row(facts, run, t, k, isBest, range) {
  const value = run.sums[t][k] * facts.scale;
  return element("tr", { className: isBest ? "best" : "" },
    element("th", { scope: "row", textContent: facts.labels[k] }),
    element("td", {}, bars(run, t, k, facts.scale, range)),
    element("td", { textContent: short(value) }));
}

/** Bars over the time-steps as SVG: upwards for positive sums, downwards for negative ones. */
function bars(run, t, k, scale, { low, high }) {
  const width = 12, height = 36, span = high - low || 1, zero = (height * high) / span;
  const svg = svgElement("svg", { viewBox: `0 0 ${width * run.steps} ${height}`, preserveAspectRatio: "none",
    class: "bars", role: "img" });
  const texts = run.sums.map((sums) => short(sums[k] * scale));
  svg.append(svgElement("title", {}, `Sum of logits by time-step: ${texts.join(", ")}`));
  svg.append(svgElement("rect", { x: width * t, y: 0, width, height, class: "cursor" }));
  for (const [index, sums] of run.sums.entries()) {
    const tall = (height * sums[k] * scale) / span;
    svg.append(svgElement("rect", { x: width * index + 1, width: width - 2, height: Math.max(0.5, Math.abs(tall)),
      y: tall > 0 ? zero - tall : zero, class: index === t ? "now" : "bar" }));
  }
  svg.append(svgElement("line", { x1: 0, x2: width * run.steps, y1: zero, y2: zero, class: "axis" }));
  return svg;
}

function svgElement(tag, attributes, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
}
