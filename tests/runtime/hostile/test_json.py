"""Malicious JSON: depth, huge numbers, duplicate keys, text that controls a terminal, memory."""

import json
from contextlib import suppress
from functools import partial

import pytest

from counts.calls import peak_bytes
from hostile.bundles import MEMORY, put_together
from spikelet.bundle import decode, strict_json
from spikelet.errors import BundleError
from spikelet.files.texts import MAX_DEPTH

SHARE = 4  # texts of a quarter of the limits may need a quarter of the memory: tracing memory is slow


@pytest.fixture
def smaller_limits(monkeypatch):
    for limit in ("MAX_BYTES", "MAX_VALUES"):
        monkeypatch.setattr(strict_json, limit, getattr(strict_json, limit) // SHARE)


@pytest.mark.usefixtures("smaller_limits")
class TestMemoryOfTexts:
    @pytest.mark.parametrize(
        "piece",
        [
            b"[],",
            b"{},",
            b'{"":0},',
            b'{"a":{"a":0}},',
            b"0,",
            b"1.5,",
            b'"ab",',
            '"𝄞",'.encode(),
            b"1234567890,",
            b'{"a":0,"b":1,"c":2},',
        ],
    )
    @pytest.mark.parametrize("values", [strict_json.MAX_VALUES // SHARE, 10**9])
    def test_no_text_needs_much_memory(self, piece, values):
        """The largest texts of each kind within the limits, and one of the largest permitted number of bytes."""
        item = piece.count(b",") + piece.count(b"[") + piece.count(b"{")
        count = min((strict_json.MAX_BYTES - 20) // len(piece), (values - 2) // item)
        content = b'{"x":[' + piece * (count - 1) + piece[:-1] + b"]}"

        def read():
            with suppress(BundleError):  # it may be refused or not: only the memory is tested
                strict_json.decode("x", content)

        assert peak_bytes(read) < MEMORY / 2 / SHARE, "half is left for what the graph needs"

    def test_many_keys_and_long_texts(self):
        keys = ",".join(f'"{i:x}":0' for i in range(strict_json.MAX_VALUES - 2))
        texts = ",".join('"' + "𝄞" * strict_json.MAX_TEXT + '"' for _ in range(50 // SHARE))
        for content in (("{" + keys + "}").encode(), f'{{"x":[{texts}]}}'.encode()):
            assert peak_bytes(partial(strict_json.decode, "x", content)) < MEMORY / 2 / SHARE


class TestJson:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b'{"a":' * 32 + b"1" + b"}" * 32, "nested deeper than 32"),
            (b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", "nested deeper than 32"),
            (b'{"a":' + b"1" * 41 + b"}", "a number of 41 digits"),
            (b'{"a":1e400}', "1e400 is too large"),
            (b'{"' + b"k" * 257 + b'":1}', "a key of 257 characters"),
            (b'{"a":"\\u001b[2J"}', "contains U\\+001B; expected text without control"),
            (b'{"a":["\\ud800"]}', "contains U\\+D800; expected text without control"),
            (b'{"\\u202e":1}', "contains U\\+202E; expected text without control"),
            (b'{"a":[{"b":"\\u2028"}]}', r"x\.a\[0\]\.b: contains U\+2028; expected text"),
            (b'{"a":["' + b"t" * 10_001 + b'"]}', r"x\.a\[0\]: has 10001 characters, expected at most 10000"),
            (b'{"a":"\x00"}', "not valid JSON"),
            (b"\xef\xbb\xbf{}", "not valid JSON"),
            (b'{"a":[' + b"1," * strict_json.MAX_VALUES + b"1]}", "values of JSON, expected at most"),
        ],
    )
    def test_invalid_json_is_refused(self, text, message):
        with pytest.raises(BundleError, match=message):
            strict_json.decode("x", text)

    def test_text_may_be_of_any_language(self):
        text = "μ 日本𝄞 שלום ‌नमस्ते‍ 👩‍🔬"
        assert strict_json.decode("x", json.dumps({text: text}).encode()) == {text: text}

    @pytest.mark.parametrize("depth", [31, 32])
    @pytest.mark.parametrize("innermost", ["1", '"a"', "[]", "{}"])
    def test_levels(self, depth, innermost):
        """The outermost object is at level 1, the innermost value at level `depth + 1`."""
        text = '{"a":' + "[" * (depth - 1) + innermost + "]" * (depth - 1) + "}"
        if depth + 1 <= MAX_DEPTH:
            assert strict_json.decode("x", text.encode())
        else:
            with pytest.raises(BundleError, match="x: nested deeper than 32 levels"):
                strict_json.decode("x", text.encode())

    @pytest.mark.parametrize(
        "version", ["1" * 5000 + ".0", "١.0", "1", "1.", "1.0.0", "-1.0", " 1.0", "1.0 ", "01.0", "1.00"]
    )
    def test_versions(self, members, version):
        with pytest.raises(BundleError, match="format_version"):
            decode(put_together(members, format_version=version))

    def test_the_card(self, members):
        with pytest.raises(BundleError, match=r"card\.md: not plain UTF-8 text .*U\+001B"):
            decode(put_together(members | {"card.md": b"# hello \x1b]0;evil\x07"}))
        with pytest.raises(BundleError, match=r"card\.md: 2000000 bytes, expected at most"):
            decode(put_together(members | {"card.md": b"x" * 2_000_000}))
