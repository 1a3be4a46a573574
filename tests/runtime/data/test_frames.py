"""Raw camera frames: pixel formats, and the shape that a network takes."""

import numpy as np
import pytest

from spikelet.data.camera.frames import Form, decoded, fitted
from spikelet.errors import DataError

COLOURS = np.random.default_rng(0).integers(0, 256, (6, 6, 3)).astype(np.uint8)


def test_frames_of_webcams_have_the_colours_of_bt_601():
    """Grey, black, white, and the primaries of the standard's table at full saturation, two pixels each."""
    colours = {
        (128, 128, 128): (126, 128, 128),
        (0, 0, 0): (16, 128, 128),
        (255, 255, 255): (235, 128, 128),
        (255, 0, 0): (81, 90, 240),
        (0, 255, 0): (145, 54, 34),
        (0, 0, 255): (41, 240, 110),
    }
    content = b"".join(bytes([y, u, y, v]) for y, u, v in colours.values())
    pixels = decoded(content, Form(2 * len(colours), 1, "yuyv"))
    assert pixels.shape == (1, 12, 3)
    assert np.abs(pixels[0, ::2].astype(int) - list(colours)).max() <= 2
    assert (pixels[0, ::2] == pixels[0, 1::2]).all()
    with pytest.raises(DataError, match="an even number of columns, found 3"):
        Form(3, 1, "yuyv")


@pytest.mark.parametrize("shape", [(5,), (2, 6, 6)])
def test_networks_that_take_no_frames_are_refused(shape):
    with pytest.raises(DataError, match="a frame has 1 or 3 channels"):
        fitted(COLOURS, shape)
    assert (fitted(COLOURS[..., 0], (3, 6, 6)) == COLOURS[..., 0]).all()
