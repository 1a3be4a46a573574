"""docs/bundle.md: its generated parts, and its worked examples computed by hand."""

import json
import struct
import sys
import zlib
from math import floor
from pathlib import Path

import pytest

from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import read
from spikelet.verify import verify

DOCS = Path(__file__).resolve().parents[3] / "docs"
EXAMPLE = DOCS / "example.snnb"


@pytest.fixture
def generator(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import bundle_example

    yield bundle_example
    sys.modules.pop("bundle_example", None)


def test_the_page_is_up_to_date(generator):
    text = generator.PAGE.read_text("utf-8")
    assert text == generator.page(text), "run: python docs/bundle_example.py"


def test_the_example_is_the_network_of_the_page(generator):
    loaded = read(EXAMPLE)
    assert loaded.graph == generator.example().graph
    assert verify(loaded, "numpy").ok


def test_a_missing_part_is_detected(generator):
    with pytest.raises(ValueError, match="expected one <!-- generated: bytes -->, found 0"):
        generator.page("# A page without parts")


def test_the_container_is_that_of_the_tables():
    """Members are read with the numbers of the page, without code of the reader."""
    content, offset, central, members = EXAMPLE.read_bytes(), 0, b"", {}
    for name in ("manifest.json", "weights.safetensors", "step.onnx", "golden.safetensors", "card.md"):
        crc, size, again, length, extra = struct.unpack_from("<3I2H", content, offset + 14)
        padding = -(offset + 30 + len(name) + 4) % 64
        assert (size, length, extra) == (again, len(name), 4 + padding)
        header = b"PK\x03\x04" + struct.pack("<5H3I2H", 20, 0, 0, 0, 0x21, crc, size, size, length, extra)
        header += name.encode() + struct.pack("<2H", 0xD935, padding) + bytes(padding)
        assert content[offset : offset + len(header)] == header
        assert (offset + len(header)) % 64 == 0
        members[name] = content[offset + len(header) :][:size]
        assert zlib.crc32(members[name]) == crc
        central += b"PK\x01\x02" + struct.pack(
            "<6H3I5H2I", 20, 20, 0, 0, 0, 0x21, crc, size, size, length, *[0] * 5, offset
        )
        central += name.encode()
        offset += len(header) + size
    end = b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 5, 5, len(central), offset, 0)
    assert content[offset:] == central + end
    assert json.loads(members["manifest.json"])["exact_steps"] == 13158


def test_exact_steps_by_hand():
    """The formula of the page, in Python's whole numbers."""
    weight, bias, theta, v_init = [[3, -2], [1, 4], [0, -5]], [10, -20, 0], [300, 200, 50], [150, 100, 25]
    pixels = [(min(0 - mean, 0, 0), max(255 - mean, 255, 0)) for mean in (128, 0)]
    assert pixels == [(-128, 255), (0, 255)]
    steps = []
    for row, b, t, v in zip(weight, bias, theta, v_init, strict=True):
        low = min(b, 0) + sum(min(w * least, w * most) for w, (least, most) in zip(row, pixels, strict=True))
        high = max(b, 0) + sum(max(w * least, w * most) for w, (least, most) in zip(row, pixels, strict=True))
        steps.append(floor((2**24 - v - t) / max(-low, high)))
    assert steps == [18765, 13158, 13158]
    assert exact_steps(read(EXAMPLE).graph) == min(steps)
