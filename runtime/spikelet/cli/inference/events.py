"""Classify a recording of an event camera, one input per time-step.

EVENTS is a file of events, binned into --steps intervals: columns t, x, y, p (`.csv`, `.npz`, a structured array in
`.npy`, `.h5`), N-MNIST (`.bin`), Prophesee (`.dat`, `.raw`) or iniVation (`.aedat`, `.aedat4`); or a `.npy` or `.npz`
file with frames (T, C, H, W), one per time-step. A folder of recordings by class gives the accuracy after each
time-step.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from spikelet.choices import BINNINGS, SPLITS, Split
from spikelet.cli.arguments import add_bundle, add_engine, existing, positive
from spikelet.cli.data import class_names, labels_for
from spikelet.cli.printing import Progress, emit
from spikelet.display import number_of
from spikelet.errors import DataError
from spikelet.report.columns import table

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from spikelet.session import Model

HELP = "classify a recording of an event camera"
EXAMPLE = "spikelet events gestures.snnb recording.csv --steps 20"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_bundle(parser)
    parser.add_argument(
        "events", type=existing, metavar="EVENTS", help="recording, or a folder with one folder for each class"
    )
    parser.add_argument(
        "--steps",
        type=positive,
        metavar="T",
        help="number of time-steps into which a recording is binned (default: that of the bundle, or 8)",
    )
    parser.add_argument(
        "--bin",
        choices=BINNINGS,
        default="time",
        help="bins of equal duration (default) or with equal numbers of events",
    )
    add_engine(parser)
    parser.add_argument("--split", choices=SPLITS, help="folder of a split (default: test, or valid)")
    parser.add_argument("--classes", type=class_names, metavar="NAMES|FILE", help="class names by index, for a folder")


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from spikelet.data import events
    from spikelet.session import load

    model = load(args.bundle, args.engine)
    args.steps = args.steps or model.bundle.default_steps
    pixels = model.graph.neurons(model.graph.input_name)
    model.limits.check(f"frames of {args.steps} time-steps", 4 * args.steps * pixels)
    if args.events.is_dir():
        return _folder(args, model)
    sequence = events.read(args.events, model.graph.input.shape, args.steps, args.bin)
    result = model.run(sequence[:, None], len(sequence))
    names = model.labels or [str(k) for k in range(model.graph.classes)]
    answers = [names[k] for k in result.predictions[:, 0]]
    facts = {
        "bundle": model.bundle.manifest.name,
        "steps": len(sequence),
        "events": float(sequence.sum()),
        "engine": model.engine,
        "answers": answers,
        "logits": result.logits[-1, 0].tolist(),
        "spike_rate": result.spike_rates,
    }
    rows = [[str(t + 1), f"{sequence[t].sum():g}", answer] for t, answer in enumerate(answers)]
    rates = [[name, f"{rate:.1%}"] for name, rate in result.spike_rates.items()]
    text = "\n".join([table(["step", "events", "prediction so far"], rows), "", table(["layer", "spike rate"], rates)])
    emit(args, facts, text)
    return 0


def _folder(args: argparse.Namespace, model: Model) -> int:
    """Classify every recording of a folder of classes, and print the accuracy after each time-step."""
    import numpy as np

    from spikelet.data import events

    paths, targets, title = _labelled_recordings(args, model)
    right, bar = np.zeros(args.steps), Progress("recordings", quiet=args.json)
    for index, path in enumerate(paths):
        sequence = events.read(path, model.graph.input.shape, args.steps, args.bin)
        if len(sequence) != args.steps:
            raise DataError(
                f"{path}: has {len(sequence)} frames; give --steps {len(sequence)}, and frames of one length"
            )
        right += model.run(sequence[:, None], args.steps).predictions[:, 0] == targets[index]
        bar(index + 1, len(paths))
    accuracy = (right / len(paths)).tolist()
    facts = {
        "bundle": model.bundle.manifest.name,
        "data": title,
        "recordings": len(paths),
        "steps": args.steps,
        "engine": model.engine,
        "accuracy": accuracy,
    }
    rows = [[str(t + 1), f"{share:.1%}"] for t, share in enumerate(accuracy)]
    emit(args, facts, f"{title}, {number_of(len(paths), 'recording')}\n\n{table(['time-steps', 'accuracy'], rows)}")
    return 0


def _labelled_recordings(args: argparse.Namespace, model: Model) -> tuple[list[Path], npt.NDArray[np.int64], str]:
    """Return the recordings of a folder of classes, their class indices in the network, and a title."""
    import numpy as np

    from spikelet.data import ImageSet
    from spikelet.data.events.recordings import SUFFIXES, is_recording
    from spikelet.data.folder import class_files

    split: Split = args.split or "auto"
    files, classes, title = class_files(args.events, split, is_recording)
    if not files or classes is None:
        raise DataError(f"{args.events}: no recordings in folders of classes; known: {', '.join(SUFFIXES)}")
    labels = np.array([label for _, label in files], np.int64)
    # an ImageSet, since the names of classes are matched as those of images
    data = ImageSet(np.zeros((len(files), 1), np.uint8), labels, classes, title)
    classes_of_network = model.graph.classes
    targets = data.with_classes(labels_for(args, classes_of_network, model.labels), classes_of_network).labels
    assert targets is not None
    return [path for path, _ in files], targets, title
