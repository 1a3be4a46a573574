"""Change an encoded ONNX model field by field: valid forms of Protocol Buffers, and invalid ones.

Some changes keep the meaning (another order of fields, a message in two parts, packed numbers, a value that a later one
replaces), others break a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

Tree = list[tuple[int, int, "int | bytes | Tree"]]
"""Fields of a message: number, wire type, value."""

Schema = Mapping[int, "Schema"]
"""Fields of a message that are messages themselves, by number."""

ENTRY: Schema = {}
_TYPE: Schema = {1: {2: {1: {}}}}
_PORT: Schema = {2: _TYPE}
MODEL: Schema = {7: {1: {5: {}}, 5: {13: ENTRY}, 11: _PORT, 12: _PORT}, 8: {}}

NUMBERS = (0, 1, 2, 3, 6, 7, 8, 9, 13, 2**31, 2**63 - 1, 2**63, 2**64 - 1, 2**69)
TEXTS = (
    b"",
    b"spikelet",
    b"a" * 256,
    b"a" * 257,
    "\u00e9".encode(),
    b"\xff",
    b"to",
    b"Add",
    b"offset",
    b"0",
    b"12345678901",
)
FIELDS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 14, 15, 20, 21, 2**29)


class ProtobufMutator:
    """Changes models, with one random source for all choices."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def changed(self, model: bytes) -> bytes:
        """Return a model with one to three changes."""
        tree = decode(model, MODEL)
        for _ in range(self.random.choice((1, 1, 2, 3))):
            parent = self.random.choice(list(messages(tree)))
            self.random.choice((self.number, self.text, self.add, self.remove, self.repeat, self.split, self.shuffle,
                                self.pack, self.rewire))(parent)  # fmt: skip
        content = encode(tree)
        if self.random.random() < 0.1:
            content = content[: self.random.randrange(len(content))]
        return content

    def pick(self, parent: Tree, kind: type) -> int | None:
        """Return the index of a field whose value is of a kind, or None."""
        indices = [index for index, (_, _, value) in enumerate(parent) if isinstance(value, kind)]
        return self.random.choice(indices) if indices else None

    def number(self, parent: Tree) -> None:
        """Change a number."""
        index = self.pick(parent, int)
        if index is not None:
            key, wire, _ = parent[index]
            parent[index] = key, wire, self.random.choice(NUMBERS)

    def text(self, parent: Tree) -> None:
        """Change a text or bytes."""
        index = self.pick(parent, bytes)
        if index is not None:
            key, wire, _ = parent[index]
            parent[index] = key, wire, self.random.choice(TEXTS)

    def add(self, parent: Tree) -> None:
        """Add a field, most often an unknown one."""
        value = self.random.choice((*NUMBERS, *TEXTS))
        field = self.random.choice(FIELDS), 0 if isinstance(value, int) else 2, value
        parent.insert(self.random.randint(0, len(parent)), field)

    def remove(self, parent: Tree) -> None:
        """Remove a field."""
        if parent:
            del parent[self.random.randrange(len(parent))]

    def repeat(self, parent: Tree) -> None:
        """Repeat a field at another position, sometimes with another value; the last value of a singular field is valid."""
        if parent:
            key, wire, value = self.random.choice(parent)
            if isinstance(value, int) and self.random.random() < 0.5:
                value = self.random.choice(NUMBERS)
            elif isinstance(value, bytes) and self.random.random() < 0.5:
                value = self.random.choice(TEXTS)
            parent.insert(self.random.randint(0, len(parent)), (key, wire, value))

    def split(self, parent: Tree) -> None:
        """Write a message in two parts."""
        index = self.pick(parent, list)
        if index is not None:
            key, wire, value = parent[index]
            assert isinstance(value, list)
            middle = self.random.randint(0, len(value))
            parent[index : index + 1] = [(key, wire, value[:middle]), (key, wire, value[middle:])]

    def shuffle(self, parent: Tree) -> None:
        """Change the order of the fields."""
        self.random.shuffle(parent)

    def pack(self, parent: Tree) -> None:
        """Pack all numbers of a field."""
        index = self.pick(parent, int)
        if index is not None:
            key = parent[index][0]
            numbers = [value for number, _, value in parent if number == key and isinstance(value, int)]
            parent[:] = [field for field in parent if field[0] != key or not isinstance(field[2], int)]
            parent.append((key, 2, b"".join(varint(value) for value in numbers)))

    def rewire(self, parent: Tree) -> None:
        """Write a field with another wire type."""
        if parent:
            index = self.random.randrange(len(parent))
            key, _, value = parent[index]
            parent[index] = key, self.random.choice((0, 1, 2, 3, 4, 5, 6, 7)), value


def messages(tree: Tree) -> list[Tree]:
    """Return a message and all messages in it."""
    return [tree, *(message for _, _, value in tree if isinstance(value, list) for message in messages(value))]


def decode(content: bytes, schema: Schema) -> Tree:
    """Return the fields of a valid message."""
    tree: Tree = []
    position = 0

    def read() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = content[position]
            value, shift, position = value | (byte & 127) << shift, shift + 7, position + 1
            if byte < 128:
                return value

    while position < len(content):
        tag = read()
        value: int | bytes | Tree = read()
        if tag & 7 == 2:
            assert isinstance(value, int)
            position += value
            part = content[position - value : position]
            value = decode(part, schema[tag >> 3]) if tag >> 3 in schema else part
        tree.append((tag >> 3, tag & 7, value))
    return tree


def encode(tree: Tree) -> bytes:
    """Return the bytes of a message."""
    content = b""
    for key, wire, value in tree:
        content += varint(key << 3 | wire)
        if isinstance(value, int):
            content += varint(value)
        else:
            part = value if isinstance(value, bytes) else encode(value)
            content += varint(len(part)) + part
    return content


def varint(value: int) -> bytes:
    """Return a number as a varint, in groups of 7 bits."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
