"""Self-distillation: last epochs with soft targets of the starting network."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from converters_support import colours
from spikelet import cli
from spikelet.data import ImageSet, arrays
from spikelet.errors import UsageError
from spikelet_converters.source_model.activation import spiking_layers
from spikelet_converters.source_model.evaluation import as_pixels, evaluate
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.quantiser import ClipFloor, Form
from spikelet_converters.training.checkpoint import load_checkpoint
from spikelet_converters.training.distil import TEMPERATURE, Teacher
from spikelet_converters.training.loop import train
from spikelet_converters.training.recipe import Recipe

SPEC = NetworkSpec("vgg5", (3, 8, 8), 3, (125, 123, 114), (63.0, 62.0, 67.0), 4, "none", 1.0)


@pytest.fixture(scope="module")
def data():
    return colours(120)


@pytest.fixture(scope="module")
def start(data, tmp_path_factory):
    recipe = Recipe(epochs=8, seed=1, batch=16, learning_rate=0.05)
    return train(SPEC, recipe, data, tmp_path_factory.mktemp("start") / "run")


def test_the_teacher_computes_the_limit_of_many_time_steps(start, data):
    pixels = as_pixels(data.images[:8])
    network = start.network()
    logits = Teacher(start, 0.5, "cpu").logits(pixels)
    for layer in spiking_layers(network).values():
        layer.levels = 1 << 16  # so fine that the quantiser is the clipped identity
    assert not torch.allclose(logits, start.network()(pixels), atol=1e-3)
    torch.testing.assert_close(logits, network(pixels).detach(), atol=2e-3, rtol=0)


def test_the_loss_is_the_formula(start, data):
    pixels, labels = as_pixels(data.images[:8]), torch.tensor(data.labels[:8])
    logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)).double()
    teacher = Teacher(start, 0.3, "cpu")
    p = F.softmax(teacher.logits(pixels).double() / TEMPERATURE, 1).numpy()
    q = F.softmax(logits / TEMPERATURE, 1).numpy()
    divergence = (p * np.log(p / q)).sum() / 8 * TEMPERATURE**2
    hard = -F.log_softmax(logits, 1).numpy()[np.arange(8), labels].mean()
    assert teacher.loss(logits, labels, pixels).item() == pytest.approx(0.7 * hard + 0.3 * divergence, rel=1e-5)


@pytest.mark.parametrize(("share", "keeps"), [(0.0, False), (1.0, True)])
def test_with_soft_targets_only_wrong_labels_have_no_effect(start, data, tmp_path, share, keeps):
    wrong = ImageSet(data.images, (data.labels + 1) % 3, data.classes, "wrong")
    recipe = Recipe(epochs=3, seed=1, batch=16, learning_rate=0.05, freeze_norm=True, distil=share)
    train(SPEC, recipe, wrong, tmp_path / "run", start=start)
    last = load_checkpoint(tmp_path / "run" / "last.pt").network()
    assert (evaluate(last, data, (4,))["float_accuracy"] > 0.8) is keeps


def test_distillation_without_a_start_is_refused(data, tmp_path, capsys):
    with pytest.raises(UsageError, match="the network from which the run starts"):
        train(SPEC, Recipe(epochs=1, batch=16, distil=0.5), data, tmp_path / "run")
    arrays.write(tmp_path / "images.npz", data)
    line = (
        f"train --data {tmp_path / 'images.npz'} --model vgg5 --recipe qcfs --batch 16 --out {tmp_path / 'x'} --distil"
    )
    assert cli.main([*line.split(), "0.5"]) == 2
    assert "--start" in capsys.readouterr().err
    assert cli.main([*line.split(), "1.5"]) == 2
    assert "distil: expected a number of 0…1, found 1.5" in capsys.readouterr().err


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_the_gradient_passes_between_the_ends_and_not_at_them(order):
    z = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=order)
    lam = torch.tensor(0.7)
    z[0, 0, 0, 0], z[0, 0, 0, 1] = 0.0, lam
    grad = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    z.requires_grad_()
    ClipFloor.apply(z, lam, Form(4)).backward(grad)
    assert torch.equal(z.grad, grad * ((z > 0) & (z < lam)))
