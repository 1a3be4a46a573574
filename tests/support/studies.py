"""A small study: three classes of bars, two seeds, a vgg5."""

import os
import struct

import numpy as np
import pytest

import torch_processes

STUDY = """
title = "Bars"
[data]
path = "data"
name = "bars"
[test]
time_steps = [1, 2, 6]
engine = "numpy"
[grid]
seed = [1, 2]
model = ["vgg5"]
[common]
batch = 16
learning_rate = 0.05
lambda_init = 1.0
[start]
epochs = 2
[method.qcfs]
epochs = 1
[method.exact]
residual = "exact"
epochs = 1
time_steps = [1, 2, "limit"]
freeze_norm = true
[method.srp]
of = "qcfs"
baseline = "srp"
[method.rts]
of = "qcfs"
baseline = "rts"
[method.before]
of = "start"
about = "The start, unchanged."
"""


def write_idx(folder, prefix, images, labels):
    for name, array, head in (
        (f"{prefix}-images-idx3-ubyte", images, (2051, len(images), *images.shape[1:])),
        (f"{prefix}-labels-idx1-ubyte", labels, (2049, len(labels))),
    ):
        (folder / name).write_bytes(struct.pack(f">{len(head)}i", *head) + array.astype(np.uint8).tobytes())


def bars(n, seed):
    """Return 8x8 images of three classes: a bright bar on the left, in the middle or on the right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    images = rng.integers(0, 90, (n, 8, 8))
    for i, label in enumerate(labels):
        images[i, :, 2 * label + 1 : 2 * label + 3] += 130
    return images, labels


def write_study(folder):
    """Write `bars.toml` and its images."""
    (folder / "data").mkdir()
    write_idx(folder / "data", "train", *bars(240, 0))
    write_idx(folder / "data", "t10k", *bars(60, 1))
    (folder / "bars.toml").write_text(STUDY)


def fork_dask_workers(monkeypatch):
    """Fork the workers of a Dask cluster from one process that has loaded Dask and torch."""
    process, nanny = (pytest.importorskip(f"distributed.{name}") for name in ("process", "nanny"))
    if os.name != "posix":
        return
    context = torch_processes.context()
    for module in (process, nanny):
        monkeypatch.setattr(module, "get_mp_context", lambda: context)
