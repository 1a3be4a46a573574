"""Cameras of Linux: numbers and layouts are those of the system's header, and the calls follow the protocol of drivers.

No camera is part of the tests. A replacement handles the calls as a driver does, with a file as its memory.
"""

import ctypes
import errno
import shutil
import subprocess
import sys

import numpy as np
import pytest

from spikelet.data.camera import v4l2
from spikelet.errors import DataError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Video4Linux is a part of Linux")
HEADER = """
#include <linux/videodev2.h>
#include <stddef.h>
#include <stdio.h>
int main(void)
{
    printf("%zu %zu %zu %zu %zu %zu %zu %zu\\n", sizeof(struct v4l2_format), offsetof(struct v4l2_format, fmt.pix.sizeimage),
           sizeof(struct v4l2_pix_format), sizeof(struct v4l2_requestbuffers), sizeof(struct v4l2_buffer),
           offsetof(struct v4l2_buffer, sequence), offsetof(struct v4l2_buffer, m.offset), offsetof(struct v4l2_buffer, length));
    printf("%lu %lu %lu %lu %lu %lu %lu\\n", (unsigned long)VIDIOC_S_FMT, (unsigned long)VIDIOC_REQBUFS,
           (unsigned long)VIDIOC_QUERYBUF, (unsigned long)VIDIOC_QBUF, (unsigned long)VIDIOC_DQBUF,
           (unsigned long)VIDIOC_STREAMON, (unsigned long)VIDIOC_STREAMOFF);
    printf("%d %d %d %u %u %u %u\\n", V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP, V4L2_FIELD_ANY,
           V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_RGB24, V4L2_PIX_FMT_BGR24, V4L2_PIX_FMT_GREY);
    return 0;
}
"""
PAGE = 4096


def test_structures_and_numbers_are_those_of_the_system(tmp_path):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    (tmp_path / "a.c").write_text(HEADER)
    built = subprocess.run(["cc", "a.c", "-o", "a"], cwd=tmp_path, capture_output=True, text=True, check=False)
    if "No such file" in built.stderr:
        pytest.skip("the headers of Linux are not installed")
    assert built.returncode == 0, built.stderr
    lines = subprocess.run(["./a"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.splitlines()
    sizes, numbers, constants = ([int(text) for text in line.split()] for line in lines)
    assert sizes == [
        ctypes.sizeof(v4l2.Format),
        v4l2.Format.fmt.offset + v4l2.Picture.sizeimage.offset,
        ctypes.sizeof(v4l2.Picture),
        ctypes.sizeof(v4l2.Request),
        ctypes.sizeof(v4l2.Buffer),
        v4l2.Buffer.sequence.offset,
        v4l2.Buffer.m.offset,
        v4l2.Buffer.length.offset,
    ]
    assert numbers == [
        v4l2.SET_FORMAT, v4l2.REQUEST_BUFFERS, v4l2.QUERY_BUFFER, v4l2.QUEUE, v4l2.DEQUEUE, v4l2.STREAM_ON,
        v4l2.STREAM_OFF,
    ]  # fmt: skip
    codes = [int.from_bytes(code, "little") for code in v4l2.CODES.values()]
    assert constants == [v4l2.CAPTURE, v4l2.MMAP, v4l2.ANY_FIELD, *codes]


class Driver:
    """A camera with rows of 32 bytes, whose frames are those of `images`, the first of them incomplete."""

    def __init__(self, path, images, code=b"GREY", size=(20, 6)):
        self.path, self.images, self.code, self.size = path, list(images), code, size
        self.queued, self.states = [], []
        path.write_bytes(bytes(2 * PAGE))

    def __call__(self, device, number, argument):
        match number:
            case v4l2.SET_FORMAT:
                picture = argument.fmt.picture
                picture.width, picture.height = self.size
                picture.pixelformat, picture.bytesperline = int.from_bytes(self.code, "little"), 32
            case v4l2.REQUEST_BUFFERS:
                assert (argument.count, argument.memory) == (2, v4l2.MMAP)
            case v4l2.QUERY_BUFFER:
                argument.length, argument.m.offset = PAGE, argument.index * PAGE
            case v4l2.QUEUE:
                self.queued.append(argument.index)
            case v4l2.DEQUEUE:
                self.fill(argument)
            case v4l2.STREAM_ON | v4l2.STREAM_OFF:
                self.states.append(number == v4l2.STREAM_ON)

    def fill(self, buffer):
        assert self.states == [True], "frames are taken while the camera runs"
        if not self.images:
            raise OSError(errno.ENODEV, "No such device")
        image = self.images.pop(0)
        buffer.index = self.queued.pop(0)
        rows = np.full((len(image), 32), 7, np.uint8)
        rows[:, : image.shape[1]] = image
        with self.path.open("r+b") as file:
            file.seek(buffer.index * PAGE)
            file.write(rows.tobytes())
        buffer.bytesused = rows.size if image.any() else 5


@pytest.fixture
def images():
    pixels = np.random.default_rng(0).integers(1, 256, (5, 6, 20)).astype(np.uint8)
    pixels[0] = 0
    return pixels


def test_frames_are_read_until_the_camera_is_unplugged(tmp_path, monkeypatch, images):
    driver = Driver(tmp_path / "video0", images)
    monkeypatch.setattr(v4l2, "ioctl", driver)
    taken = []
    with (
        pytest.raises(DataError, match=r"the camera sends no more frames \(No such device\)"),
        v4l2.camera(tmp_path / "video0", 640, 480) as frames,
    ):
        taken.extend(frames)
    assert (np.array(taken) == images[1:]).all(), "without the incomplete one"
    driver = Driver(tmp_path / "video0", images)
    monkeypatch.setattr(v4l2, "ioctl", driver)
    with v4l2.camera(tmp_path / "video0", 640, 480) as frames:
        taken = [next(frames) for _ in range(4)]
    assert (np.array(taken) == images[1:]).all()
    assert driver.states == [True, False]
    assert sorted(driver.queued) == [0, 1], "every buffer is given back"


def test_a_format_that_the_camera_does_not_have_is_named(tmp_path, monkeypatch, images):
    monkeypatch.setattr(v4l2, "ioctl", Driver(tmp_path / "video0", images, b"MJPG"))
    with pytest.raises(DataError, match="offers frames of MJPG; expected yuyv, rgb24, bgr24, gray; convert"):
        v4l2.camera(tmp_path / "video0", 640, 480).__enter__()
    with pytest.raises(DataError, match="expected rgb24; convert"):
        v4l2.camera(tmp_path / "video0", 640, 480, "rgb24").__enter__()


@pytest.mark.parametrize("device", ["/dev/null", "/dev/no-camera"])
def test_devices_that_are_no_cameras_are_refused(device):
    with pytest.raises(DataError, match=f"{device}: not a camera that can be read"):
        v4l2.camera(device, 640, 480).__enter__()
