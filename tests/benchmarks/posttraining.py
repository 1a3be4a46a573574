"""Post-training conversion of a plain ReLU vgg9 by spikelet and by SpikingJelly: one network, the same images.

    python tests/benchmarks/posttraining.py DATA [--weights relu.pt | --start best.pt] [--epochs 20] [--page FILE.md] …

Without --weights a ReLU vgg9 is trained first (SGD, cosine schedule) and stored in build/relu-vgg9.pt. --start loads the
weights of a vgg9 written by `spikelet train`, replaces its activations by ReLUs, and continues training. Both converters
use the same calibration images of the training split. Accuracy is measured at the same T on the same test images, that of
spikelet with the 8-bit bundle. --page writes the results as a page, docs/results/posttraining.md.

SpikingJelly's local threshold balancing increases its thresholds from 0 by a small amount per calibration batch. After
three batches, which 128 images make, it has not converged, and its predictions are at chance. It is therefore measured
with PASSES passes over these images too, and with BALANCED images, since its own example uses a whole training set.
"""

from __future__ import annotations

import argparse
import copy
import os
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import nn

from spikelet.report.columns import table
from spikelet.session import Model
from spikelet.shipped import find_data
from spikelet_converters.conversion.source import Calibration, convert_source
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.torch import from_module
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.study.summary_text import heading
from spikelet_converters.training.checkpoint import load_checkpoint
from spikelet_converters.training.memory import freed_memory_kept

STEPS = (8, 16, 32)
BATCH = 50
PASSES = 100
BALANCED = 20_000
BALANCING = "local threshold balancing"
KEPT = Path("build/relu-vgg9.pt")

PAGE = """# A plain ReLU network converted by spikelet and SpikingJelly

Written by `{command}`; do not edit.

The network is a vgg9 with plain ReLUs ({origin}). Its accuracy is {accuracy:.1%} on {images:,} test images of
{data}. Both converters use the same {calibration} images of the training split, without further
training, and the spiking networks are tested on the same test images. The 95% confidence interval of each accuracy
is ±{interval:.1f} points; that of differences on the same images is smaller.

{table}

spikelet {spikelet}: `spikelet convert --calibration`, one bundle for each T, 8-bit weights, default engine of the runtime.
SpikingJelly {spikingjelly}: `RateCodingRecipe` (`max`, `99.9%`) and `LocalThresholdBalancingRecipe`, float32. The latter
adjusts its thresholds with each batch of {batch}. One row uses {passes} passes over the {calibration} images, another
{balanced:,} images, far more than spikelet uses.
"""


def relu_vgg9(classes: int) -> nn.Module:
    """Return a vgg9 with ReLU activations, whose input is pixels."""
    network = NetworkSpec("vgg9", (3, 32, 32), classes, (125, 123, 114), (63.0, 62.0, 67.0)).build()
    for name, module in list(network.named_children()):
        if isinstance(module, SpikingActivation):
            setattr(network, name, nn.ReLU())
    return network


def started(network: nn.Module, path: Path) -> None:
    """Load the weights of a checkpoint, except those of its activations."""
    weights = load_checkpoint(path).weights
    missing, left = network.load_state_dict(weights, strict=False)
    activations = tuple(f"{name}." for name, module in network.named_children() if isinstance(module, nn.ReLU))
    if missing or not all(key.startswith(activations) for key in left):
        raise SystemExit(f"{path}: expected the weights of a vgg9; lacks {missing}, has {left} besides")


def train(network: nn.Module, images, epochs: int, rate: float, seed: int = 0) -> None:
    """Train by SGD with momentum and cosine decay, with flips and shifts."""
    torch.manual_seed(seed)
    x, y = torch.from_numpy(images.images), torch.from_numpy(images.labels)
    optimiser = torch.optim.SGD(network.parameters(), rate, 0.9, weight_decay=5e-4)
    total = epochs * (len(x) // 100)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, total)
    network.to(memory_format=torch.channels_last).train()
    for epoch in range(epochs):
        for chosen in torch.randperm(len(x))[: len(x) // 100 * 100].split(100):
            part = nn.functional.pad(x[chosen].float(), (4, 4, 4, 4), value=120.0)
            top, left = torch.randint(0, 9, (2,)).tolist()
            part = part[:, :, top : top + 32, left : left + 32]
            part = (part.flip(3) if torch.rand(()) < 0.5 else part).contiguous(memory_format=torch.channels_last)
            loss = nn.functional.cross_entropy(network(part), y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}", flush=True)


def ours(network: nn.Module, calibration, test, steps: int) -> float:
    """Return the accuracy of the 8-bit bundle at T = steps."""
    source = from_module(network, test.shape, Preprocessing(scale=1.0))
    bundle = convert_source(source, "relu", calibration=Calibration(calibration, steps=steps))
    return Model(bundle).run(test.images, steps).accuracy(test.labels)[-1]


def theirs(network: nn.Module, calibration, test, recipe: str) -> dict[int, float]:
    """Return the accuracy of SpikingJelly's converted network at each of STEPS."""
    from spikingjelly.activation_based import ann2snn, functional

    # its converter does not support arithmetic in the forward pass, so the network gets normalised images
    network = copy.deepcopy(network)
    normalise, network.normalise = network.normalise, nn.Identity()
    pixels = normalise(torch.from_numpy(calibration.images).float())
    labels = torch.from_numpy(calibration.labels)
    loader = [(pixels[i : i + BATCH], labels[i : i + BATCH]) for i in range(0, len(pixels), BATCH)]
    if recipe == BALANCING:
        chosen = ann2snn.LocalThresholdBalancingRecipe(dataloader=loader)
    else:
        chosen = ann2snn.RateCodingRecipe(dataloader=loader, mode=recipe)
    converted = ann2snn.FXConverter(recipe=chosen).convert(network).eval()
    right = dict.fromkeys(STEPS, 0)
    with torch.no_grad():
        for start in range(0, len(test), BATCH):
            part = test.take(slice(start, start + BATCH))
            x = normalise(torch.from_numpy(part.images).float())
            functional.reset_net(converted)
            total = 0
            for t in range(1, max(STEPS) + 1):
                total = total + converted(x)
                if t in right:
                    right[t] += int((total.argmax(1).numpy() == part.labels).sum())
    return {t: count / len(test) for t, count in right.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--train-images", type=int, help="number of training images used (default: all)")
    parser.add_argument("--images", type=int, help="number of test images, drawn with a fixed seed (default: all)")
    parser.add_argument("--calibration", type=int, default=128)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--data-name", default="CIFAR-10", help="name of the data on the page")
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    shape = (3, 32, 32)
    test = find_data(args.data, shape, None, args.images)
    training = find_data(args.data, shape, None, None, split="train")
    drawn = np.random.default_rng(0).permutation(len(training))
    calibration = training.take(drawn[: args.calibration])
    network = relu_vgg9(test.class_count)
    if args.weights is not None:
        kept = torch.load(args.weights, weights_only=True)
        network.load_state_dict(kept["weights"])
    else:
        if args.start is not None:
            started(network, args.start)
        shown = training.take(slice(0, args.train_images))
        with freed_memory_kept():
            train(network, shown, args.epochs, args.rate)
        begin = "random weights" if args.start is None else f"the weights of `{args.start}`"
        origin = f"trained from {begin}: {args.epochs} epochs of {len(shown):,} images, SGD at {args.rate:g}, seed 0"
        kept = {"origin": origin, "weights": network.state_dict()}
        KEPT.parent.mkdir(exist_ok=True)
        torch.save(kept, KEPT)
    network.eval()
    with torch.no_grad():
        parts = [network(torch.from_numpy(p).float()).argmax(1).numpy() for p in np.array_split(test.images, 10)]
    accuracy = float((np.concatenate(parts) == test.labels).mean())
    print(f"{len(test)} test images, ReLU network {accuracy:.1%}; {len(calibration)} calibration images", flush=True)
    several = calibration.take(np.tile(np.arange(len(calibration)), PASSES))
    many = training.take(drawn[:BALANCED])
    columns = ["converter", *(f"T={t}" for t in STEPS)]
    rows = [["spikelet, 8 bits", *(f"{ours(network, calibration, test, t):.1%}" for t in STEPS)]]
    print(table(columns, rows), flush=True)
    for recipe, shown, label in (
        ("max", calibration, "max"),
        ("99.9%", calibration, "99.9%"),
        (BALANCING, several, f"{BALANCING}, {PASSES} passes"),
        (BALANCING, many, f"{BALANCING}, {len(many):,} images"),
    ):
        try:
            accuracies = theirs(network, shown, test, recipe)
        except Exception as error:  # a failing framework is reported
            rows.append([f"SpikingJelly, {label}", *["-"] * len(STEPS)])
            print(f"SpikingJelly, {label}: {type(error).__name__}: {error}", flush=True)
            continue
        rows.append([f"SpikingJelly, {label}", *(f"{accuracies[t]:.1%}" for t in STEPS)])
    print(table(columns, rows))
    if args.page is not None:
        lines = [*heading(columns), *(f"| {' | '.join(row)} |" for row in rows)]
        text = PAGE.format(
            command=shlex.join(["python", *sys.argv]), origin=kept["origin"], images=len(test), accuracy=accuracy,
            data=args.data_name, calibration=len(calibration), interval=196 * (accuracy * (1 - accuracy) / len(test)) ** 0.5,
            table="\n".join(lines), spikelet=version("spikelet"), spikingjelly=version("spikingjelly"), batch=BATCH,
            passes=PASSES, balanced=len(many),
        )  # fmt: skip
        args.page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
