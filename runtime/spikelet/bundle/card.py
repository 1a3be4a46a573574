"""`card.md`: the model card of a bundle in Markdown, which is written and checked here."""

from __future__ import annotations

from spikelet.bundle.manifest import Manifest
from spikelet.bundle.members import CARD
from spikelet.bundle.step import too_large
from spikelet.display import number_of
from spikelet.errors import BundleError
from spikelet.escapes import markdown
from spikelet.files.decoded import Document
from spikelet.files.texts import check_text
from spikelet.graph import Graph
from spikelet.nodes import Weighted

MAX_BYTES = 2**20


def card(graph: Graph, manifest: Manifest) -> str:
    """Return a model card in Markdown, from the network and its recorded measurements."""
    shape = "x".join(map(str, graph.input.shape))
    weights = sum(node.weights.size for node in graph.nodes.values() if isinstance(node, Weighted))
    layers, neurons = number_of(len(graph.spiking), "layer"), number_of(graph.neuron_count, "neuron")
    lines = [
        f"# {markdown(manifest.name)}",
        "",
        f"A spiking network of {layers}, {neurons} and {number_of(weights, 'weight')}, "
        f"for inputs of {shape} in {graph.input.low}…{graph.input.high}. "
        "Run it with `spikelet run`, check it with `spikelet verify`.",
        "",
        _arithmetic(manifest),
        "",
    ]
    if manifest.labels:
        lines += [f"Classes: {', '.join(map(markdown, manifest.labels))}.", ""]
    for result in manifest.results:
        lines += _accuracy(result)
    lines += _layers(manifest.conversion.get("layers", []))
    lines += ["## Where it came from", ""]
    lines += [
        f"* {markdown(key)}: {markdown(_plain(value))}"
        for key, value in manifest.provenance.items()
        if value not in ("", {}, [])
    ]
    return "\n".join(lines) + "\n"


def decode(content: memoryview) -> str:
    """Return the text of a stored model card.

    Raises:
        BundleError: It is too large, or not plain text in UTF-8.
    """
    if len(content) > MAX_BYTES:
        raise too_large(CARD, len(content), MAX_BYTES)
    try:
        text = bytes(content).decode()
        check_text(text, allowed="\n\t")
    except ValueError as error:  # includes UnicodeDecodeError
        raise BundleError.at(CARD, f"not plain UTF-8 text ({error})") from None
    return text


def _arithmetic(manifest: Manifest) -> str:
    if manifest.exact_steps is None:
        return "Arithmetic: float32. Engines agree up to threshold ties."
    return (
        f"Arithmetic: exact, {manifest.bits}-bit weights. Within {number_of(manifest.exact_steps, 'time-step')} "
        "every engine fires the same spikes, whatever the input."
    )


def _accuracy(result: Document) -> list[str]:
    if "accuracy" not in result:
        return []
    after: list[float] = result["accuracy"]
    before: list[float] = result.get("accuracy_before_quantisation", after)
    lines = [
        f"## Accuracy on {markdown(result['data'])} ({number_of(result['images'], 'image')})",
        "",
        *([f"Source network: {result['float_accuracy']:.1%}.", ""] if "float_accuracy" in result else []),
        "| time-steps | spiking | before quantisation |",
        "|---|---|---|",
    ]
    lines += [f"| {t + 1} | {after[t]:.1%} | {before[t]:.1%} |" for t in range(len(after))]
    return [*lines, ""]


def _layers(layers: list[Document]) -> list[str]:
    """Return the conversion report; figures that are missing are left out."""
    if not layers or "by_step" not in layers[0]:
        return []
    steps = [entry.get("steps", "?") for entry in layers[0]["by_step"]]
    lines = [
        "## Float activation against spike rate, by layer",
        "",
        "Over- and under-firing: share of neurons more than half a spike above or below the activation.",
        "",
        "| layer | activation | " + " | ".join(f"T = {t}: rate, over / under, correlation" for t in steps) + " |",
        "|---" * (len(steps) + 2) + "|",
    ]
    for layer in layers:
        cells = [
            f"{_figure(e, 'spike_rate', '.3f')}, {_figure(e, 'over_firing', '.1%')} / "
            f"{_figure(e, 'under_firing', '.1%')}, {_figure(e, 'correlation', '.3f')}"
            for e in layer.get("by_step", [])
        ]
        cells = [markdown(layer.get("layer", "?")), _figure(layer, "activation", ".3f"), *cells]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]


def _figure(entry: Document, key: str, form: str) -> str:
    value = entry.get(key)
    return "-" if value is None else format(value, form)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items() if not isinstance(item, dict))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
