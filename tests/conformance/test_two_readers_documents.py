"""Both readers on documents at the limits of the rules: numbers, depths, lengths, characters, versions, tensor headers."""

import pytest

import second_reader
from conformance_vectors.breaking import base, pack
from conformance_vectors.packing import fitted
from second_reader.document import check_text
from spikelet.bundle import decode
from spikelet.errors import BundleError
from spikelet.files import texts

MANIFEST = base()["manifest.json"].decode()
COUNTED = sum(MANIFEST.count(character) for character in ",[{")


def read_by_both(content):
    """Return whether both readers read a file, and check that they agree."""
    verdicts = []
    for read, refusal in ((decode, BundleError), (second_reader.read, second_reader.Refused)):
        try:
            read(content)
            verdicts.append(True)
        except refusal:
            verdicts.append(False)
    assert verdicts[0] == verdicts[1], f"spikelet reads it: {verdicts[0]}; the second reader: {verdicts[1]}"
    return verdicts[0]


def manifest(text):
    return pack(base() | {"manifest.json": text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")})


def value(text):
    """Return a manifest in which one value of the provenance is unusual."""
    return manifest(MANIFEST.replace('"provenance": {}', f'"provenance": {{"x": {text}}}'))


@pytest.mark.parametrize(
    ("largest", "content"),
    [
        (30, lambda n: value("[" * n + "]" * n)),
        (29, lambda n: value("[" * n + "0" + "]" * n)),
        (29, lambda n: value('{"a":' * n + "0" + "}" * n)),
        (29, lambda n: value('{"a":' * n + "{}" + "}" * n)),
        (40, lambda n: value("1" * n)),
        (40, lambda n: value("-" + "1" * (n - 1))),
        (256, lambda n: value(f'{{"{"k" * n}": 1}}')),
        (256, lambda n: value(f'{{"{"🐈" * n}": 1}}')),
        (256, lambda n: manifest(MANIFEST.replace('"name": "small"', f'"name": "{"n" * n}"'))),
        (10_000, lambda n: value(f'"{"t" * n}"')),
        (10_000, lambda n: value(f'"{"🐈" * n}"')),
        (2**17, lambda n: value(f"[{'1,' * (n - COUNTED - 1)}1]")),
        (2**21, lambda n: manifest(MANIFEST + " " * (n - len(MANIFEST.encode())))),
    ],
)
def test_limits(largest, content):
    assert read_by_both(content(largest))
    assert not read_by_both(content(largest + 1))


NUMBERS = [
    "1E400",
    "-1e400",
    "1e308",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "1e-400",
    "-0",
    "-0.0",
    "0e0",
]
NUMBERS += ["00", "+1", ".5", "5.", "1e", "0x1", "1_0", "١", "NaN", "-Infinity", "1 2", "\t1", "\f1"]
TEXTS = [
    '"\\u0000"',
    '"\\ud83d\\ude00"',
    '"\\ude00"',
    '"\\x41"',
    "'a'",
    '"a',
    '"\\/"',
    '"\t"',
    '"\\t"',
    '"\x7f"',
    '"\x85"',
]
TEXTS += ['"\ufeff"', '"\ue000"', '"\uffff"', '"\ud800"', "True", "None", "nul", "true", "null"]
OTHERS = [
    "[1,]",
    "[,1]",
    '{"a" 1}',
    "1 // c",
    "/* */1",
    "[1 2]",
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":1}',
    '{"b":{"a":1,"a":1}}',
    "{1:2}",
]


@pytest.mark.parametrize("text", NUMBERS + TEXTS + OTHERS)
def test_values(text):
    read_by_both(value(text))


@pytest.mark.parametrize(
    "text",
    [b"", b"null", MANIFEST.encode("utf-16"), MANIFEST.encode() + b"\0", b"\xc2\xa0" + MANIFEST.encode(), MANIFEST.encode() + b"\n\r\t ",
     b"\f" + MANIFEST.encode(), MANIFEST.encode().replace(b"small", b"\xc0\x80"), MANIFEST.encode().replace(b"small", b"\xed\xa0\xbd")],
)  # fmt: skip
def test_encodings(text):
    read_by_both(manifest(text))


@pytest.mark.parametrize(
    "version",
    [
        "1.0",
        "1.1",
        "1.00",
        "1.",
        "1",
        "1.1.1",
        " 1.1",
        "1.1 ",
        "1.999999",
        "1.1000000",
        "1.1\\n",
        "１.1",
        "1.１",
        "v1.1",
        "1.-1",
        "01.1",
    ],
)
def test_versions(version):
    read_by_both(manifest(MANIFEST.replace('"format_version": "1.1"', f'"format_version": "{version}"')))


def test_characters():
    """Every character up to U+3000, and the first and last ones of later blocks."""
    for code in [*range(0x3000), *range(0xD7F0, 0xE010), *range(0xFE00, 0x10010), *range(0xE0000, 0xE0100), 0x10FFFF]:
        text = f"a{chr(code)}"
        try:
            texts.check_text(text)
            first = True
        except ValueError:
            first = False
        try:
            check_text(text, "text")
            second = True
        except second_reader.Refused:
            second = False
        assert first == second, hex(code)


@pytest.mark.parametrize("member", ["weights.safetensors", "golden.safetensors"])
def test_tensor_headers(member):
    content = base()[member]
    end = 8 + int.from_bytes(content[:8], "little")
    text, data = content[8:end], content[end:]
    bare = text.rstrip()
    empty = b'%s,"z":{"dtype":"I32","shape":%s,"data_offsets":[%d,%d]}}'
    headers = [
        text + b" ",
        text + b"\n",
        b" " + text,
        b"\t\r\n" + text,
        bare,
        text + b"\0",
        b"\xef\xbb\xbf" + text,
        bare + b"x",
    ]
    headers += [empty % (bare[:-1], shape, len(data), len(data)) for shape in (b"[]", b"[0]", b"[0,4294967296]")]
    headers += [
        text.replace(b"[2]", shape)
        for shape in (b"[2,1]", b"[1,2]", b"[2" + b",1" * 7 + b"]", b"[2" + b",1" * 8 + b"]", b"[2.0]")
    ]
    headers += [text.replace(b"[0,", start) for start in (b"[-0,", b"[0.0,", b"[0e0,", b"[false,", b"[null,")]
    headers += [text.replace(b"I32", code) for code in (b"i32", b"\\u004932", b"U32", b"F32")]
    headers += [
        text.replace(b'"shape"', b'"sh\\u0061pe"'),
        text.replace(b'":{"dtype', b' ":{"dtype'),
        b"{}",
        b"[]",
        b"",
    ]
    verdicts = [
        read_by_both(pack(fitted(base() | {member: len(header).to_bytes(8, "little") + header + data})))
        for header in headers
    ]
    assert True in verdicts
    assert False in verdicts
