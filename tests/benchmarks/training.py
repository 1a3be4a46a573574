"""Cost of a training step with each residual strategy: ratios to QCFS, measured in turn, in processor time.

.venv/bin/python tests/benchmarks/training.py [--batch N] [--rounds N] [--threads N] [--compile]
"""

import argparse
import time

import numpy as np
import torch

from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.residuals import RESIDUALS
from spikelet_converters.training.compiled import CompiledForward

CASES = [("none", 4), ("gaussian", 4), ("empirical", 4), *(("exact", t) for t in (1, 2, 4, 8, "limit"))]
SETS = [(1, 2, 4), (1, 2, 4, "limit"), (1, 2, 4, 8), (1, 2, 4, 8, "limit"), (1, 2, 4, 8, "limit", "limit")]
REFERENCE = ("QCFS", 0)  # of which all times are ratios; never compiled
TEACHER = ("teacher", 0)  # the teacher's outputs for a batch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="compile the training pass, but for QCFS = 1")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (args.batch, 3, 32, 32)).float().contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (args.batch,))
    networks = {residual: network(residual, pixels) for residual, _ in CASES}
    passes = {key: CompiledForward(value) if args.compile else value for key, value in networks.items()}
    reference = network("none", pixels)
    teacher = network("none", pixels).eval()
    seconds = {case: [] for case in [*CASES, REFERENCE, TEACHER]}
    for turn in range(args.rounds + 1):
        for case in seconds:
            started = time.process_time()
            if case == TEACHER:
                with torch.no_grad():
                    teacher(pixels)
            elif case == REFERENCE:
                torch.nn.functional.cross_entropy(reference(pixels), labels).backward()
            else:
                residual, steps = case
                RESIDUALS[residual].prepare(networks[residual], pixels, steps)
                torch.nn.functional.cross_entropy(passes[residual](pixels), labels).backward()
            if turn:  # the first round is a warm-up
                seconds[case].append(time.process_time() - started)
    ratio = {case: np.median(samples) / np.median(seconds[REFERENCE]) for case, samples in seconds.items()}
    how = ", compiled but for QCFS = 1" if args.compile else "; QCFS = 1"
    print(f"vgg9, batch {args.batch}, {args.threads} thread(s), median of {args.rounds}{how}")
    for (residual, steps), value in ratio.items():
        print(f"{residual:<10} {'T = ' + str(steps) if residual == 'exact' else '':<10} {value:.2f}")
    for draws in SETS:
        mean = np.mean([ratio["exact", steps] for steps in draws])
        print(
            f"exact, T drawn from {', '.join(map(str, draws))}: {mean:.2f}, with a teacher {mean + ratio[TEACHER]:.2f}"
        )


def network(residual, pixels):
    """Return a vgg9 with frozen batch norm, as in the last epochs of a run."""
    shape, spec = (3, 32, 32), {"mean": (125,) * 3, "std": (63.0,) * 3}
    model = NetworkSpec("vgg9", shape, 10, levels=4, residual=residual, lambda_init=2.0, **spec).build()
    model.to(memory_format=torch.channels_last)
    with torch.no_grad():
        model(pixels)
    RESIDUALS[residual].refresh(model.eval(), [pixels], 4)
    return model.train().apply(lambda module: module.eval() if isinstance(module, torch.nn.BatchNorm2d) else module)


if __name__ == "__main__":
    main()
