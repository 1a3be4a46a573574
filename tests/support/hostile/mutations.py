"""Malicious files: mutations of bundles at the level of the format.

A file with random bytes changed is refused at the first checksum. These mutations decode a bundle, change it in one or a few
places, and encode it with valid digests, so that every layer of the reader is reached.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from hostile.bundles import Members, bases, loosely_packed, put_together
from hostile.protobuf import ProtobufMutator
from spikelet.bundle import archive, safetensors
from spikelet.files import protobuf

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

MEMBERS = ("manifest.json", "weights.safetensors", "step.onnx", "golden.safetensors", "card.md")

NUMBERS = [0, 1, -1, 2, 3, 7, 8, 127, 128, 255, 256, 2**15, 2**16, 2**20, 2**24, 2**27, 2**28, 2**31 - 1, 2**31, 2**32]
NUMBERS += [2**63, 2**64, -(2**63), 10**39, 0.5, -0.0, 1e308, 5e-324]
TEXTS = [
    "",
    "a",
    "é",
    "𝄞",
    "input",
    "conv1",
    "if1",
    "../../etc/passwd",
    "/dev/zero",
    "C:\\x",
    "weights.safetensors",
    "x" * 300,
]
TEXTS += ["%s%n", "{0}", "</script>", "*/", '"', "\\", "\n", "NaN", "1.0", "ｍanifest.json", "0x10", "١", "x" * 10_001]

STEP = {"steps": 1, "spike_rate": 0.1, "over_firing": 0, "under_firing": 0.0, "correlation": None, "rms_residual": 1.0}
LAYER = {
    "layer": "if1",
    "neurons": 9,
    "exact_steps": 5,
    "weight_error": 0.1,
    "activation": 0.5,
    "by_step": [STEP, STEP],
}
RESULT = {"data": "d", "digest": "e", "images": 9, "steps": 2, "accuracy": [0.5, 1], "float_accuracy": 0.9}
# Fields of the manifest (and of its nodes: scale, low, high) with values within, at and beyond their bounds.
BORDERS: dict[str, list[Json]] = {
    "bits": [1, 2, 3, 4, 16, 17, None],
    "exact_steps": [0, 1, 2, 2**31 - 1, 2**31, None],
    "lowering_version": [-1, 0, 1, 2**31 - 1, 2**31],
    "format_version": ["1.0", "1.1", "1.999999", "1.1000000", "01.1"],
    "name": ["", "n" * 256, "n" * 257, "\u2028", "\u200f", "\t"],
    "labels": [None, ["a", "a", "a"], ["", "b", "c"], ["x" * 257, "b", "c"], ["\u061c", "b", "c"]],
    "scale": [2.0**-64, 2.0**-65, 2.0**64, 2.0**65, 1e307, 1, -0.0],
    "low": [-(2**15), -(2**15) - 1, 254, 255],
    "high": [0, 1, 2**15 - 1, 2**15],
    "producer": [{"name": "p", "version": "1"}],
    "results": [[RESULT], [RESULT, {}]],
    "conversion": [{"bits": 4, "advice": ["x"], "notes": [], "layers": [LAYER, LAYER]}],
}


class Mutator:
    """Draws mutated bundles from one random source: the same seed gives the same files."""

    def __init__(self, seed: int | bytes, actual: list[Members] | None = None) -> None:
        self.random = random.Random(seed)
        self.bases = actual or bases()
        self.kinds: list[Callable[[Members], bytes]] = [
            self.raw, self.container, self.renamed, self.manifest, self.manifest, self.manifest_text,
            self.tensors, self.header, self.golden, self.onnx, self.card, self.fields,
        ]  # fmt: skip

    def one(self) -> tuple[str, bytes]:
        """Return (name of the mutation, bytes of a bundle)."""
        kind = self.random.choice(self.kinds)
        return kind.__name__, kind(dict(self.random.choice(self.bases)))

    def raw(self, members: Members) -> bytes:
        """Change arbitrary bytes of the file."""
        return self.bytes(b"".join(archive.pack(members)))

    def container(self, members: Members) -> bytes:
        """Change a field of a local header, of the directory or of the end record; checksums of members stay valid."""
        parts = archive.pack(members)
        index = self.random.choice([*range(0, len(parts) - 1, 2), len(parts) - 1])
        part = bytearray(parts[index])
        size = self.random.choice([2, 4])
        position = self.random.randrange(4, max(len(part) - size, 5))
        part[position : position + size] = (self.random.choice(NUMBERS[:16]) & 0xFFFFFFFF).to_bytes(4, "little")[:size]
        parts[index] = bytes(part)
        if self.random.random() < 0.3:
            del parts[self.random.randrange(len(parts))]
        if self.random.random() < 0.3:
            parts.insert(self.random.randrange(len(parts)), self.random.choice(parts))
        return b"".join(parts)

    def renamed(self, members: Members) -> bytes:
        """Omit, repeat, reorder and rename members, without the checks of the writer."""
        entries = list(members.items())
        self.random.shuffle(entries)
        for _ in range(self.random.randint(0, 2)):
            case = self.random.randrange(4)
            position = self.random.randrange(len(entries)) if entries else 0
            if case == 0 and entries:
                del entries[position]
            elif case == 1 and entries:
                entries.append(entries[position])
            elif case == 2 and entries:
                entries[position] = (self.random.choice(TEXTS)[:200], entries[position][1])
            else:
                entries.append((self.random.choice(TEXTS)[:200], self.random.randbytes(self.random.randrange(40))))
        return loosely_packed(entries)

    def manifest(self, members: Members) -> bytes:
        """Change the tree of the manifest in one to three positions."""
        document = json.loads(members["manifest.json"])
        for _ in range(self.random.randint(1, 3)):
            document = self.tree(document)
        try:
            text = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
        except (ValueError, TypeError):
            text = b"{}"
        return b"".join(archive.pack(members | {"manifest.json": text}))

    def manifest_text(self, members: Members) -> bytes:
        """Change the text of the manifest in ways that no JSON library writes."""
        text = members["manifest.json"]
        position = self.random.randrange(len(text))
        insert = self.random.choice(
            [b"NaN", b"Infinity", b"1e999", b"9" * 50, b"[" * 200, b'{"a":' * 100, b"\xff", b"\x00", b"\\ud800", b"\\u001b",
             b'"a":1,"a":2', b",", b"}", b"]", b"//", b"-", b"1" * 5000, b"\xef\xbb\xbf", b"[]," * 500, b"true", b"\xc0\x80"]
        )  # fmt: skip
        cut = self.random.choice([0, 0, 1, 5, len(insert)])
        text = text[:position] + insert + text[position + cut :]
        return b"".join(archive.pack(members | {"manifest.json": text}))

    def fields(self, members: Members) -> bytes:
        """Set one to three fields with bounds or types to values at their limits."""
        changed = json.loads(members["manifest.json"])
        for _ in range(self.random.randint(1, 3)):
            key, values = self.random.choice(list(BORDERS.items()))
            value = self.random.choice(values) if self.random.random() < 0.8 else self.value()
            if key in ("scale", "low", "high"):
                nodes = [node for node in changed["graph"]["nodes"] if key in node]
                nodes[0][key] = value
            elif key in ("results", "conversion", "producer"):
                changed[key] = self.tree(json.loads(json.dumps(value)))
            else:
                changed[key] = value
        del changed["members"]
        return put_together(members, **changed)

    def tensors(self, members: Members) -> bytes:
        """Change values, dtypes, shapes or names of the weights."""
        return put_together(
            members | {"weights.safetensors": self.changed_tensors(members["weights.safetensors"])}, **self.maybe()
        )

    def golden(self, members: Members) -> bytes:
        """Change values, dtypes, shapes or names of the golden data."""
        return put_together(
            members | {"golden.safetensors": self.changed_tensors(members["golden.safetensors"])}, **self.maybe()
        )

    def header(self, members: Members) -> bytes:
        """Change the header of a safetensors member, as a tree or as text."""
        name = self.random.choice(["weights.safetensors", "golden.safetensors"])
        content = members[name]
        length = int.from_bytes(content[:8], "little")
        if self.random.random() < 0.3:
            text = self.bytes(content[8 : 8 + length])
        else:
            text = json.dumps(self.tree(json.loads(content[8 : 8 + length]))).encode("utf-8", "surrogatepass")
        announced = len(text) if self.random.random() < 0.8 else self.random.choice(NUMBERS[:20]) & 0xFFFFFFFF
        data = content[8 + length :]
        return put_together(members | {name: announced.to_bytes(8, "little") + text + data})

    def onnx(self, members: Members) -> bytes:
        """Change the step model and its lowering_version; the reader compares models of its own version only."""
        model = members["step.onnx"]
        share = self.random.random()
        if share < 0.5:
            model = ProtobufMutator(self.random).changed(bytes(model)) if model else model
        elif share < 0.7:
            model = self.bytes(model)
        else:
            position = self.random.randrange(len(model))
            extra = self.random.choice(
                [protobuf.message(7, protobuf.message(1, protobuf.text(4, "Loop"))), protobuf.message(8, protobuf.text(1, "evil.domain")), protobuf.message(25, b"x"),
                 protobuf.message(7, protobuf.message(5, protobuf.integer(14, 1) + protobuf.message(13, protobuf.text(1, "location") + protobuf.text(2, "/etc/passwd")))),
                 protobuf.text(2, "x" * 500), protobuf.integer(1, 2**63), b"\xff" * 12]
            )  # fmt: skip
            model = model[:position] + extra + model[position:] if self.random.random() < 0.5 else model + extra
        version = self.random.choice([1, 3, 0, 0, 2, 4, 4, -1, 2**40])
        return put_together(members | {"step.onnx": model}, lowering_version=version)

    def card(self, members: Members) -> bytes:
        """Append invalid text to the model card."""
        text = members["card.md"] + self.random.choice(
            [b"\xff", b"\x1b[2J", b"\xe2\x80\xae", b"\x00", b"x" * 5000, b"\xed\xa0\x80"]
        )
        return put_together(members | {"card.md": text})

    def maybe(self) -> dict[str, Json]:
        return self.random.choice([{}, {}, {"lowering_version": 3}, {"lowering_version": 3, "exact_steps": 1}])

    def changed_tensors(self, content: bytes) -> bytes:
        tensors = {k: v.copy() for k, v in safetensors.decode("x", content).items()}
        for _ in range(self.random.randint(1, 2)):
            name = self.random.choice(list(tensors))
            value = tensors[name]
            case = self.random.randrange(7)
            if case == 0:
                del tensors[name]
            elif case == 1:
                tensors[self.random.choice([*tensors, *TEXTS])] = value
            elif case == 2:
                with np.errstate(invalid="ignore", over="ignore"):
                    tensors[name] = value.astype(self.random.choice(list(safetensors.CODES)))
            elif case == 3:
                tensors[name] = value.reshape(self.random.choice([(-1,), (1, -1), (-1, 1), (1,) * 6 + (-1,)]))
            elif case == 4:
                tensors[name] = value[: self.random.randrange(len(value) + 1)] if value.ndim else value
            elif case == 5:
                tensors[name] = np.zeros((0, *value.shape[1:]), value.dtype)
            elif value.size:
                kind = value.dtype
                odd = (
                    [np.nan, np.inf, -np.inf, 3e38, 0.0, 1e-45, *(2.0**e for e in (-97, -96, 64, 79, 95, 96, 97))]
                    if kind.kind == "f"
                    else [np.iinfo(kind).min, np.iinfo(kind).max, 0]
                )
                value.reshape(-1)[self.random.randrange(value.size)] = self.random.choice(odd)
            if not tensors:
                break
        return safetensors.encode(tensors)

    def tree(self, value: Json) -> Json:
        """Change a JSON value in one position, at any depth."""
        if isinstance(value, dict | list) and value and self.random.random() < 0.85:
            key = self.random.choice(list(value) if isinstance(value, dict) else range(len(value)))
            case = self.random.random()
            if case < 0.08:
                del value[key]
            elif case < 0.14 and isinstance(value, list):
                value += [value[key]] * self.random.choice([1, 2, 50])
            elif case < 0.14:
                value[self.random.choice(TEXTS)] = value[key]
            else:
                value[key] = self.tree(value[key])
            return value
        return self.value()

    def value(self) -> Json:
        """Return a random JSON value of an unusual type or size."""
        case = self.random.randrange(8)
        if case < 3:
            return self.random.choice(NUMBERS)
        if case < 5:
            return self.random.choice(TEXTS)
        if case == 5:
            return self.random.choice([None, True, False, [], {}, [[]], [None] * 5])
        if case == 6:
            deep: Json = 1
            for _ in range(self.random.choice([3, 40, 200])):
                deep = [deep] if self.random.random() < 0.5 else {"a": deep}
            return deep
        return [self.random.choice(NUMBERS) for _ in range(self.random.randrange(6))]

    def bytes(self, content: bytes) -> bytes:
        """Flip bits, delete, repeat, insert or overwrite bytes, or cut off the end."""
        data = bytearray(content)
        for _ in range(self.random.randint(1, 4)):
            position = self.random.randrange(len(data) + 1)
            case = self.random.randrange(6)
            if case == 0 and position < len(data):
                data[position] ^= 1 << self.random.randrange(8)
            elif case == 1:
                del data[position : position + self.random.choice([1, 4, 64, 1000])]
            elif case == 2:
                data[position:position] = data[position : position + self.random.choice([1, 8, 64, 500])]
            elif case == 3:
                data[position:position] = self.random.randbytes(self.random.choice([1, 4, 64]))
            elif case == 4:
                data[position : position + 4] = (self.random.choice(NUMBERS[:16]) & 0xFFFFFFFF).to_bytes(4, "little")
            elif self.random.random() < 0.2:
                del data[position:]
        return bytes(data)
