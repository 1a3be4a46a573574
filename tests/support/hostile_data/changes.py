"""Changes of a file at the level of its form: numbers of headers, tokens of texts, opcodes of pickles, members of archives."""

from __future__ import annotations

import base64
import gzip
import io
import json
import pickletools
import re
import struct
import warnings
import zipfile
import zlib
from contextlib import suppress
from random import Random
from typing import Any

import numpy as np

from hostile.mutations import Mutator
from hostile.protobuf import ProtobufMutator

HEAD = 96  # bytes at the beginning, in which most files have their sizes
WIDTHS = ("B", "H", "I", "Q")
BORDERS = (0, 1, 2, 3, 4, 7, 8, 16, 63, 127, 128, 255, 256, 1000, 4096, 2**15, 2**16 - 1, 2**20, 2**24, 2**28)
BORDERS += (2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)
TOKENS = re.compile(rb"[A-Za-z_][A-Za-z_0-9.]*|[-+]?[0-9][0-9_.eE+-]*|\"[^\"\n]*\"|[^\w\s]|\s+")
VALUES = (
    b"", b"0", b"1", b"-1", b"2", b"0.5", b"1e308", b"1e400", b"-1e400", b"nan", b"inf", b"-inf", b"9" * 30, b"9" * 5000, b"1" * 400,
    b'""', b'"a"', b"a", b"[]", b"{}", b"[[]]", b"[" * 3000, b"{" * 3000, b'{"a":' * 3000, b"[1, 2]", b"true", b"null",
    b"2020-01-01", b"2020-13-45T99:99:99", b"00:00:00+99:99", b"\xff", b"\0", b"\x1b[2J", b"\xef\xbb\xbf", b'"""', b"'''", b",", b"\n", b"=",
    b"a.b.c", b"a." * 2000 + b"a", b"[a]", b"[[a]]", b"#", b"%", b"\xe2\x80\xae", b'"\\ud800"', b'"\\u0000"', b'"' + b"x" * 20000 + b'"', b"0x10", b"1_0",
)  # fmt: skip
OPCODES = (
    b"]", b"}", b")", b"N", b"\x88", b"K\x01", b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"J\xff\xff\xff\xff", b"U\x01a", b"C\x01a", b"(", b"t", b"0", b"1", b"2",
    b"\x85", b"\x86", b"R", b"b", b"s", b"u", b"a", b"e", b"r\xff\xff\xff\x7f", b"j\xff\xff\xff\x7f", b"\x8e" + b"\xff" * 7 + b"\x7f", b"B\xff\xff\xff\x7f",
    b"\x8b\xff\xff\xff\x7f", b"\x95" + b"\xff" * 8, b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"cbuiltins\neval\n", b"cos\nsystem\n", b"h\x00", b"q\x00",
    b"\x81", b"\x94", b"G\x7f\xf0\0\0\0\0\0\0", b"cnumpy\nndarray\n(\x8a\x06\0\0\0\0\0\x01tR", b"c_codecs\nencode\n", b".",
)  # fmt: skip


TOML = (
    b"0", b"1", b"-1", b"2", b"3.5", b"1e308", b"nan", b"inf", b"-inf", b"9223372036854775807", b"1" * 60, b"0x10", b"true", b"false", b'""', b'"a"', b'"../.."',
    b'"\\u0000"', b'"\\u001b[2J"', b'"\\u202e"', b'"{seed}"', b'"{0}"', b'"{a.b}"', b'"{"', b'"' + b"x" * 5000 + b'"', b"[]", b"[[]]", b"[1, 2]", b"[0]", b"[-1]",
    b'["a"]', b'["a", 1]', b"[true]", b"[{}]", b"[nan]", b"{}", b"{a = 1}", b"{a = {b = {c = []}}}", b"2020-01-01", b"10:00:00", b"1979-05-27T07:32:00Z",
)  # fmt: skip


class Changes:
    """Changes content. The same random source gives the same changes."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def binary(self, content: bytes) -> bytes:
        """Numbers at their borders, flipped bits, parts cut out, repeated or put in, and a missing end."""
        data = bytearray(content)
        for _ in range(self.random.choice((1, 1, 2, 3))):
            end = len(data) if self.random.random() < 0.4 else min(len(data), HEAD)
            position, case = self.random.randrange(end + 1), self.random.randrange(8)
            if case < 3:
                width = self.random.choice(WIDTHS)
                number = self.random.choice(BORDERS) & (256 ** struct.calcsize(f"<{width}") - 1)
                packed = struct.pack(self.random.choice("<>") + width, number)
                data[position : position + len(packed)] = packed
            elif case == 3 and position < len(data):
                data[position] ^= 1 << self.random.randrange(8)
            elif case == 4:
                del data[position : position + self.random.choice((1, 2, 4, 8, 64, 1000))]
            elif case == 5:
                data[position:position] = data[position : position + self.random.choice((1, 4, 16, 64, 500))]
            elif case == 6:
                data[position:position] = self.random.randbytes(self.random.choice((1, 2, 4, 64)))
            elif self.random.random() < 0.3:
                del data[position:]
        return bytes(data)

    def text(self, content: bytes) -> bytes:
        """Replace, remove, repeat or exchange one to three tokens."""
        tokens = TOKENS.findall(content) or [b""]
        for _ in range(self.random.choice((1, 1, 2, 3))):
            index, case = self.random.randrange(len(tokens)), self.random.randrange(6)
            if case < 3:
                tokens[index] = self.random.choice(VALUES)
            elif case == 3:
                tokens[index] = b""
            elif case == 4:
                tokens[index:index] = tokens[index : index + self.random.choice((1, 3, 10, 30))]
            else:
                other = self.random.randrange(len(tokens))
                tokens[index], tokens[other] = tokens[other], tokens[index]
        return b"".join(tokens)

    def document(self, content: bytes) -> bytes:
        """Change a value of a JSON document, or its text."""
        if self.random.random() < 0.2:
            return self.text(content)
        mutator = Mutator(0, [{}])
        mutator.random = self.random
        value = json.loads(content)
        for _ in range(self.random.choice((1, 1, 2, 3))):
            value = mutator.tree(value)
        return json.dumps(value).encode("utf-8", "surrogatepass")

    def toml(self, content: bytes) -> bytes:
        """Change values of a TOML document, its lines, or its text."""
        if self.random.random() < 0.2:
            return self.text(content)
        lines = content.split(b"\n")
        for _ in range(self.random.choice((1, 1, 2, 3))):
            index, case = self.random.randrange(len(lines)), self.random.randrange(6)
            key, equals, _value = lines[index].partition(b" = ")
            if case < 3 and equals:
                lines[index] = key + equals + self.random.choice(TOML)
            elif case == 3:
                del lines[index]
            elif case == 4:
                lines.insert(index, lines[self.random.randrange(len(lines))])
            elif key.startswith(b"["):
                lines[index] = key.strip(b"[]") + b" = " + self.random.choice(TOML)
            lines = lines or [b""]
        return b"\n".join(lines)

    def pickled(self, content: bytes) -> bytes:
        """Replace, remove, repeat or put in opcodes of a pickle."""
        starts = [position for _, _, position in pickletools.genops(content) if position is not None]
        ends = [*starts[1:], len(content)]
        opcodes = [content[start:end] for start, end in zip(starts, ends, strict=True)]
        for _ in range(self.random.choice((1, 1, 2, 3))):
            index, case = self.random.randrange(len(opcodes)), self.random.randrange(6)
            if case == 0:
                opcodes[index] = self.random.choice(OPCODES)
            elif case == 1:
                opcodes.insert(index, self.random.choice(OPCODES))
            elif case == 2 and len(opcodes) > 1:
                del opcodes[index]
            elif case == 3:
                opcodes[index:index] = opcodes[index : index + self.random.choice((1, 2, 8))]
            elif case == 4:
                opcodes[index] = self.binary(opcodes[index])
            else:
                other = self.random.randrange(len(opcodes))
                opcodes[index], opcodes[other] = opcodes[other], opcodes[index]
        return b"".join(opcodes)

    def zipped(self, content: bytes, pickles: bool = False) -> bytes:
        """Change a member of a ZIP archive, or the archive itself."""
        if self.random.random() < 0.25:
            return self.directory(content)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
        index = self.random.randrange(len(members))
        name, inner = members[index]
        case = self.random.random()
        if case < 0.6:
            methods = {".pkl": self.pickled, ".json": self.document} if pickles else {}
            members[index] = name, methods.get(name[-4:], methods.get(name[-5:], self.binary))(inner)
        elif case < 0.7:
            members[index] = name, bytes(self.random.choice((0, 1, 2**16, 2**23)))
        elif case < 0.8:
            del members[index]
        elif case < 0.9:
            members[index] = (
                self.random.choice(("../a.npy", "a" * 300, "images.npy", "x.npy", "/a", "archive/data.pkl", "\x1b[2J")),
                inner,
            )
        else:
            members.append((self.random.choice((name, "again.npy")), inner))
        return zip_of(members, self.random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))

    def pem(self, content: bytes) -> bytes:
        """Change the encoded structure of a key in PEM, or its text."""
        lines = content.splitlines()
        if len(lines) < 3 or self.random.random() < 0.3:
            return self.text(content)
        inner = [line for line in lines[1:-1] if b":" not in line and line]
        try:
            encoded = base64.b64encode(self.binary(base64.b64decode(b"".join(inner))))
        except ValueError:
            return self.text(content)
        rows = [encoded[start : start + 64] for start in range(0, len(encoded), 64)]
        return b"\n".join([*(line for line in lines[:-1] if line not in inner), *rows, lines[-1], b""])

    def torch(self, content: bytes) -> bytes:
        """Change a file of torch.save."""
        return self.zipped(content, pickles=True)

    def onnx(self, content: bytes) -> bytes:
        """Change fields of an ONNX model."""
        return ProtobufMutator(self.random).changed(content)

    def hdf5(self, content: bytes) -> bytes:
        """Replace, add or remove datasets and groups of an HDF5 file, or change its bytes."""
        import h5py

        if self.random.random() < 0.3:
            return self.binary(content)
        buffer, names = io.BytesIO(content), []
        with h5py.File(buffer, "r+") as file:
            file.visit(names.append)
            for _ in range(self.random.choice((1, 1, 2))):
                name = self.random.choice(names)
                parent, case = name.rpartition("/")[0] or "/", self.random.randrange(5)
                if name not in file or parent not in file or not isinstance(file[parent], h5py.Group):
                    continue
                if case in (0, 1, 2):
                    del file[name]
                    if case == 0:
                        continue
                target = (
                    name
                    if case in (1, 2)
                    else f"{parent}/{self.random.choice(('a', 'x.y', '1', 'type', 'nodes', 'p'))}"
                )
                if target not in file:
                    self.dataset(file, target)
        return buffer.getvalue()

    def dataset(self, file: Any, name: str) -> None:
        """Put an odd dataset, group or link into an HDF5 file."""
        import h5py

        case, small = (
            self.random.randrange(9),
            np.zeros((2, 3), self.random.choice(("i1", "f4", "f8", "i8", "?", "S3", "c8", "u8"))),
        )
        if case == 0:
            file.create_dataset(
                name, (2 ** self.random.choice((10, 24, 31, 40)),), self.random.choice(("i1", "f8")), chunks=(1024,)
            )
        elif case == 1:
            file.create_dataset(name, data=np.zeros(2**21, "i1"), chunks=(2**20,), compression="gzip")
        elif case == 2:
            file[name] = self.random.choice(
                (np.nan, np.inf, 0.0, -1.0, 1e300, 0, -1, 2**63 - 1, "", "IF", "Affine", "x" * 300, b"\xff")
            )
        elif case == 3:
            file[name] = self.random.choice(
                (small, small[:0], small.reshape(-1), np.zeros((1,) * 6), np.full(4, np.nan), np.ones((4, 3), "f4"))
            )
        elif case == 4:
            file[name] = h5py.Empty("f4")
        elif case == 5:
            file[name] = h5py.SoftLink(self.random.choice(("/", "/none", "/node", ".")))
        elif case == 6:
            file[name] = h5py.ExternalLink("/etc/passwd", "/")
        elif case == 7:
            file.create_group(name)
        else:
            file.create_dataset(name, (3,), "f4", external=[("/etc/passwd", 0, 12)])

    def directory(self, content: bytes) -> bytes:
        """Change numbers of the records of a ZIP archive."""
        data = bytearray(content)
        for _ in range(self.random.choice((1, 2))):
            marks = [match.start() for match in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06)", bytes(data))]
            if marks:
                position = self.random.choice(marks) + 4 + 2 * self.random.randrange(19)
                width = self.random.choice("HI")
                packed = struct.pack(f"<{width}", self.random.choice(BORDERS) & (256 ** struct.calcsize(width) - 1))
                data[position : position + len(packed)] = packed
        return bytes(data)

    def gzipped(self, content: bytes) -> bytes:
        """Change the content of a gzip file, or its bytes."""
        if self.random.random() < 0.3:
            return self.binary(content)
        inner = gzip.decompress(content)
        return gzip.compress(inner + bytes(2**23) if self.random.random() < 0.1 else self.binary(inner), mtime=0)

    def png(self, content: bytes) -> bytes:
        """Change a chunk of a PNG and correct its checksum, or change any bytes."""
        chunks, position = [], 8
        while position < len(content):
            size = int.from_bytes(content[position : position + 4], "big")
            chunks.append((content[position + 4 : position + 8], content[position + 8 : position + 8 + size]))
            position += 12 + size
        index = self.random.randrange(len(chunks))
        kind, data = chunks[index]
        case = self.random.random()
        if case < 0.2:
            return self.binary(content)
        if case < 0.6:
            chunks[index] = kind, self.binary(data)
        elif case < 0.7:
            del chunks[index]
        elif case < 0.8:
            chunks.append((kind, data))
        else:
            extra = self.random.choice((b"iTXt", b"zTXt", b"iCCP", b"eXIf", b"acTL", b"fcTL", b"tRNS", b"PLTE"))
            bomb = b"a\0\0" + zlib.compress(bytes(2**23)) if self.random.random() < 0.3 else self.random.randbytes(9)
            chunks.insert(index, (extra, bomb))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )


def zip_of(members: list[tuple[str, bytes]], compression: int) -> bytes:
    """The bytes of a ZIP archive; a name may occur twice."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.simplefilter("ignore")
        for name, content in members:
            with suppress(ValueError):
                archive.writestr(zipfile.ZipInfo(name), content, compression)
    return buffer.getvalue()
