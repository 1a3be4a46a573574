"""Convert fifteen public forms of classifiers as a user does, and compare them with ONNX Runtime.

Each network is trained for a few epochs on Fashion-MNIST, written as ONNX, converted with
`spikelet convert X.onnx --calibration DATA --steps 16`, and run on the same test images as ONNX Runtime:

    python tests/benchmarks/classifiers.py /usr/share/datasets/fashion-mnist OUT
"""

import argparse
import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from source_networks.classifiers import CLASSIFIERS, as_input, classifier, export
from spikelet import cli
from spikelet.data import read

IMAGES, BATCH = 12_000, 64


def trained(name, data, epochs, seed):
    torch.manual_seed(seed)
    network = classifier(name).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    images = torch.from_numpy(as_input(name, data.images[:IMAGES]))
    labels = torch.from_numpy(data.labels[:IMAGES])
    for _ in range(epochs):
        for part in torch.randperm(len(images)).split(BATCH):
            outputs = network(images[part])
            logits = (
                outputs.clamp_min(1e-6).log()
                if ("softmax" in name and "log_" not in name) or "Keras" in name
                else outputs
            )
            optimiser.zero_grad()
            F.cross_entropy(logits, labels[part]).backward()
            optimiser.step()
    return network.eval()


def call(line):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(line)
    return code, out.getvalue(), err.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--only", type=int, nargs="*")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    training, test = read(args.data, "train"), read(args.data, "test").subset(args.count)
    print("| network | ONNX Runtime | spiking, T = 16 | same class |\n|---|---|---|---|")
    within = 0
    for index, name in enumerate(CLASSIFIERS, 1):
        if args.only and index not in args.only:
            continue
        path = args.out / f"{index:02}.onnx"
        if not path.exists():
            export(name, trained(name, training, args.epochs, index), path)
        runtime = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        right = runtime.run(None, {"x": as_input(name, test.images)})[0].argmax(1)
        bundle = path.with_suffix(".snnb")
        options = [
            "--calibration",
            str(args.data),
            "--steps",
            str(args.steps),
            "--data",
            str(args.data),
            "--count",
            "50",
        ]
        if "Vector" in str(type(classifier(name))) or name.startswith("784"):
            options += ["--input", "1x28x28"]
        code, _, error = call(["convert", str(path), "-o", str(bundle), *options, "--json"])
        accuracy = (right == test.labels).mean()
        if code:
            print(f"| {name} | {accuracy:.1%} | refused: {error.strip().splitlines()[-1]} | |", flush=True)
            continue
        _, out, error = call(
            ["run", str(bundle), str(args.data), "--count", str(args.count), "--steps", str(args.steps), "--json"]
        )
        result = json.loads(out)
        spiking, same = result["accuracy"][-1], (np.array(result["predictions"]) == right).mean()
        within += abs(spiking - accuracy) <= 0.02
        print(f"| {name} | {accuracy:.1%} | {spiking:.1%} | {same:.1%} |", flush=True)
    print(f"\n{within} within 2 points")


if __name__ == "__main__":
    main()
