"""Classify images with a bundle, one time-step after another.

DATA is an image, a recording of sound (.wav), a folder of them (class subfolders give labels), .npy or .npz, or a data
set in its published layout (CIFAR-10, CIFAR-100, IDX). Default: the shipped images that fit the network.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, TypedDict

from spikelet.cli.arguments import (
    add_bundle,
    add_count,
    add_data,
    add_early_exit,
    add_engine,
    add_steps,
    add_threads,
    number,
)
from spikelet.cli.data import add_data_options, find_images
from spikelet.cli.printing import Progress, emit
from spikelet.display import number_of
from spikelet.report.columns import table

if TYPE_CHECKING:
    from spikelet.data import ImageSet
    from spikelet.session import Model, Result
    from spikelet.session.early_exit import ExitRule

HELP = "classify images"
EXAMPLE = "spikelet run vgg9-cifar10 --steps 8 --early-exit 2"

LISTED_IMAGES = 50  # images in the text


class Answer(TypedDict):
    """The prediction for one image, with the softmax probabilities of the mean logits."""

    file: str
    answer: str
    confidence: float
    runner_up: str | None
    runner_up_confidence: float | None


class Facts(TypedDict):
    """The JSON output."""

    bundle: str
    bundle_digest: str
    data: str
    data_digest: str
    images: int
    steps: int
    engine: str
    accuracy: list[float] | None
    note_on_labels: str | None
    float_accuracy: float | None
    predictions: list[int]
    answers: list[Answer] | None
    mean_exit_step: float
    spike_rate: dict[str, float]
    ms_per_image: float


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_bundle(parser)
    add_data(parser)
    add_steps(parser)
    add_engine(parser)
    exits = parser.add_mutually_exclusive_group()
    add_early_exit(exits)
    exits.add_argument(
        "--early-exit-confidence",
        type=number,
        metavar="P",
        help="stop when the softmax probability of the best class reaches P",
    )
    add_count(parser)
    add_threads(parser)
    add_data_options(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet.session import load
    from spikelet.session.early_exit import Confidence, Margin

    model = load(args.bundle, args.engine, args.threads)
    images = find_images(args, args.data, model.bundle, args.count)
    rule: ExitRule | None = None
    if args.early_exit is not None:
        rule = Margin(args.early_exit)
    elif args.early_exit_confidence is not None:
        rule = Confidence(args.early_exit_confidence)
    model.run(images.images[:1], 1)  # the first run creates the engine, and compiles the network if necessary
    started = time.perf_counter()
    result = model.run(images.images, args.steps, early_exit=rule, on_progress=Progress("images", quiet=args.json))
    ms = (time.perf_counter() - started) * 1000 / len(images)
    facts = _facts(model, images, result, ms)
    emit(args, facts, _text(images, result, facts, rule))
    return 0


def _facts(model: Model, images: ImageSet, result: Result, ms: float) -> Facts:
    from spikelet.metrics.accuracy import order_of_labels, source_results

    return {
        "bundle": model.bundle.manifest.name,
        "bundle_digest": model.bundle.digest,
        "data": images.name,
        "data_digest": images.digest,
        "images": len(images),
        "steps": len(result.logits),
        "engine": model.engine,
        "accuracy": None if images.labels is None else result.accuracy(images.labels),
        "note_on_labels": order_of_labels(result.predictions[-1], images.labels) or None,
        "float_accuracy": source_results(model.bundle.manifest, images)["accuracy"],
        "predictions": result.predictions[-1].tolist(),
        "answers": _answers(model, images, result) if images.labels is None or len(images) == 1 else None,
        "mean_exit_step": float(result.exit_steps.mean()),
        "spike_rate": result.spike_rates,
        "ms_per_image": ms,
    }


def _answers(model: Model, images: ImageSet, result: Result) -> list[Answer]:
    """Return the predictions in the order of the images; confidences are those of `early_exit.Confidence`."""
    import numpy as np

    from spikelet.session.early_exit import softmax

    names = model.labels or tuple(map(str, range(model.graph.classes)))
    probabilities = softmax(result.logits[-1] / result.exit_steps[:, None])
    answers: list[Answer] = []
    for index, best in enumerate(result.predictions[-1].tolist()):
        others = np.delete(np.arange(len(names)), best)
        second = int(others[probabilities[index, others].argmax()]) if len(others) else None
        answers.append(
            {
                "file": images.files[index] if images.files else f"image {index}",
                "answer": names[best],
                "confidence": float(probabilities[index, best]),
                "runner_up": None if second is None else names[second],
                "runner_up_confidence": None if second is None else float(probabilities[index, second]),
            }
        )
    return answers


def _row(answer: Answer) -> list[str]:
    second = answer["runner_up_confidence"]
    shown = "" if second is None else f"{second:.0%}"
    return [answer["file"], answer["answer"], f"{answer['confidence']:.0%}", answer["runner_up"] or "", shown]


def _text(images: ImageSet, result: Result, facts: Facts, rule: ExitRule | None) -> str:
    lines = [f"{facts['bundle']}, engine {facts['engine']}: {images.name}, {number_of(len(images), 'image')}", ""]
    if facts["accuracy"] is not None:
        rows = [[str(t + 1), f"{share:.1%}"] for t, share in enumerate(facts["accuracy"])]
        if facts["float_accuracy"] is not None:
            rows.append(["source network", f"{facts['float_accuracy']:.1%}"])
        lines += [table(["time-steps", "accuracy"], rows), ""]
        lines += [facts["note_on_labels"], ""] if facts["note_on_labels"] else []
    if facts["answers"] is not None:
        rows = [_row(answer) for answer in facts["answers"][:LISTED_IMAGES]]
        lines.append(table(["image", "prediction", "confidence", "second best", "confidence"], rows))
        if len(images) > LISTED_IMAGES:
            lines.append(f"… and {len(images) - LISTED_IMAGES} more (--json has them all)")
        lines.append("")
    rows = [[name, f"{result.neurons[name]:,}", f"{rate:.1%}"] for name, rate in facts["spike_rate"].items()]
    lines += [table(["layer", "neurons", "spike rate"], rows), ""]
    exits = "" if rule is None else f"mean exit step {facts['mean_exit_step']:.2f}, "
    lines.append(f"{exits}{facts['ms_per_image']:.2f} ms per image")
    return "\n".join(lines)
