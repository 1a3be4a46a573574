"""AutoAugment and cutout, compared with Pillow, with which the policy was searched."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps

from spikelet_converters.training.augmentation import autoaugment as aa
from spikelet_converters.training.augmentation.crops import cutout

ORACLES = {
    "brightness": lambda image, f: ImageEnhance.Brightness(image).enhance(f),
    "colour": lambda image, f: ImageEnhance.Color(image).enhance(f),
    "contrast": lambda image, f: ImageEnhance.Contrast(image).enhance(f),
    "sharpness": lambda image, f: ImageEnhance.Sharpness(image).enhance(f),
    "posterize": lambda image, bits: ImageOps.posterize(image, int(bits)),
    "solarize": lambda image, threshold: ImageOps.solarize(image, threshold),
    "invert": lambda image, _: ImageOps.invert(image),
    "autocontrast": lambda image, _: ImageOps.autocontrast(image),
    "equalize": lambda image, _: ImageOps.equalize(image),
}


def batch(n=6, size=32, channels=3, seed=0):
    """Return smooth images with low contrast, so that every operation changes them."""
    rng = np.random.default_rng(seed)
    small = rng.integers(30, 200, (n, channels, 4, 4)).astype(np.float32)
    images = torch.nn.functional.interpolate(torch.from_numpy(small), size=(size, size), mode="bicubic")
    return (images + torch.from_numpy(rng.normal(0, 8, images.shape)).float()).clamp(5, 240).to(torch.uint8)


@pytest.mark.parametrize("name", ORACLES)
def test_colour_operations_are_pillows(name):
    images = batch()
    levels = [0, 2, 3, 5, 7, 9]
    values = torch.tensor([aa.magnitude(name, k, -1 if k % 2 else 1, 32) for k in levels])
    results = aa.OPERATIONS[name](images, values)
    for image, value, result in zip(images, values.tolist(), results, strict=True):
        expected = ORACLES[name](Image.fromarray(image.permute(1, 2, 0).numpy()), value)
        off = np.abs(np.asarray(expected).astype(int) - result.permute(1, 2, 0).numpy())
        assert off.max() <= (1 if name in ("autocontrast", "sharpness", "colour", "contrast", "brightness") else 0)
        assert (off > 0).mean() < 0.2


def test_a_uniform_image_is_not_changed():
    flat = torch.full((2, 3, 8, 8), 77, dtype=torch.uint8)
    for name in ("equalize", "autocontrast", "sharpness", "contrast", "colour"):
        assert torch.equal(aa.OPERATIONS[name](flat, torch.full((2,), 1.7)), flat), name


def test_geometry_by_hand():
    image = torch.arange(16, dtype=torch.uint8).reshape(1, 1, 4, 4)
    right = aa.translate_x(image, torch.tensor([1.0]))[0, 0]
    assert right[:, 0].tolist() == [128] * 4
    assert torch.equal(right[:, 1:], image[0, 0, :, :-1])
    down = aa.translate_y(image, torch.tensor([2.0]))[0, 0]
    assert torch.equal(down[2:], image[0, 0, :2])
    quarter = aa.rotate(image, torch.tensor([90.0]))[0, 0]
    assert torch.equal(quarter, torch.rot90(image[0, 0]))
    assert torch.equal(aa.rotate(image, torch.tensor([0.0])), image)
    sheared = aa.shear_x(image, torch.tensor([0.5]))[0, 0]
    assert torch.equal(sheared[0], image[0, 0, 0]), "the first row hardly moves"
    assert sheared[3].tolist() == [*image[0, 0, 3, 2:].tolist(), 128, 128] or sheared[3, -1] == 128


def test_rotation_turns_as_pillows_does():
    images = batch(3)
    degrees = [30.0, -20.0, 10.0]
    results = aa.rotate(images, torch.tensor(degrees))
    for image, angle, result in zip(images, degrees, results, strict=True):
        expected = Image.fromarray(image.permute(1, 2, 0).numpy()).rotate(angle, fillcolor=(128, 128, 128))
        assert (np.asarray(expected) != result.permute(1, 2, 0).numpy()).mean() < 0.05


class TestPolicy:
    def test_has_25_pairs_and_every_operation_is_known(self):
        assert len(aa.POLICY) == 25
        assert {name for pair in aa.POLICY for name, _, _ in pair} <= set(aa.OPERATIONS)
        assert all(0 <= p <= 1 and 0 <= level <= 9 for pair in aa.POLICY for _, p, level in pair)

    def test_is_repeatable_and_leaves_its_input(self):
        images = batch(20)
        before = images.clone()
        first, second = (aa.autoaugment(images, torch.Generator().manual_seed(3)) for _ in range(2))
        assert torch.equal(first, second)
        assert torch.equal(images, before)
        assert first.dtype == torch.uint8
        changed = (first != images).flatten(1).any(1).float().mean()
        assert 0.5 < changed < 1

    @pytest.mark.parametrize("channels", [1, 3])
    def test_works_for_grey_images_too(self, channels):
        images = batch(40, 16, channels)
        assert aa.autoaugment(images, torch.Generator().manual_seed(0)).shape == images.shape

    def test_magnitudes(self):
        assert aa.magnitude("rotate", 9, -1, 32) == -30
        assert aa.magnitude("translate_x", 9, 1, 32) == 14
        assert aa.magnitude("brightness", 0, 1, 32) == 1
        assert aa.magnitude("posterize", 9, 1, 32) == 4
        assert aa.magnitude("solarize", 0, 1, 32) == 255


def test_cutout_paints_one_square_with_the_mean():
    images = torch.zeros(200, 2, 10, 10, dtype=torch.uint8)
    painted = cutout(images, torch.Generator().manual_seed(0), 4, (7, 9))
    holes = (painted != 0).flatten(2).sum(2)
    assert torch.equal(holes[:, 0], holes[:, 1])
    assert holes.max() == 16, "whole"
    assert 4 <= holes.min() < 16, "or cut off at the border"
    assert set(painted[:, 0].unique().tolist()) == {0, 7}
    assert set(painted[:, 1].unique().tolist()) == {0, 9}


@pytest.mark.parametrize("name", sorted(set(aa.OPERATIONS) - {"equalize"}))
def test_operations_run_on_the_device_of_the_images(name):
    """The meta device computes nothing, and refuses tensors of another device. It has no histogram for equalize."""
    images = torch.empty((2, 3, 8, 8), dtype=torch.uint8, device="meta")
    out = aa.OPERATIONS[name](images, torch.ones(2, device="meta"))
    assert (out.shape, out.dtype, out.device.type) == (images.shape, torch.uint8, "meta")
