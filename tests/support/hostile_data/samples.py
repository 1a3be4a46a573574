"""Small valid files of every kind that the runtime reads, as contents by name of a folder."""

from __future__ import annotations

import base64
import gzip
import io
import json
import pickle
import struct
from pathlib import Path

import numpy as np

Files = dict[str, bytes]
SHAPE = (1, 6, 6)
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (3, *SHAPE), np.uint8)
EVENTS = 8
PASSWORD = "a password"
AEDAT_4 = Path(__file__).resolve().parents[2] / "peers" / "events.aedat4"


def idx(suffix: str = "") -> Files:
    """MNIST in its published layout."""
    images = struct.pack(">IIII", 0x803, *PIXELS.shape[:1], 6, 6) + PIXELS.tobytes()
    labels = struct.pack(">II", 0x801, 3) + bytes((0, 1, 2))
    pack = gzip.compress if suffix else bytes
    return {f"t10k-images-idx3-ubyte{suffix}": pack(images), f"t10k-labels-idx1-ubyte{suffix}": pack(labels)}


def cifar(hundred: bool = False) -> Files:
    """CIFAR-10 or CIFAR-100 in the binary layout, of one image."""
    record = bytes((1, 2) if hundred else (1,)) + bytes(range(256)) * 12
    names = b"\n".join(b"c%d" % k for k in range(100 if hundred else 10))
    return (
        {"test.bin": record, "fine_label_names.txt": names}
        if hundred
        else {"test_batch.bin": record, "batches.meta.txt": names}
    )


def cifar_python(hundred: bool = False) -> Files:
    """The same in the python layout: pickles of protocol 2."""
    key = b"fine_labels" if hundred else b"labels"
    batch = pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), key: [1], b"filenames": [b"a.png"]}, 2)
    meta = pickle.dumps({b"fine_label_names" if hundred else b"label_names": [b"cat", b"dog"]}, 2)
    return {"test": batch, "meta": meta} if hundred else {"test_batch": batch, "batches.meta": meta}


def arrays(name: str) -> Files:
    """Images, or images with labels."""
    buffer = io.BytesIO()
    if name.endswith(".npy"):
        np.save(buffer, PIXELS)
    else:
        np.savez_compressed(buffer, images=PIXELS, labels=np.arange(3), classes=np.array(["a", "b", "c"]))
    return {name: buffer.getvalue()}


def wav(kind: str = "whole") -> Files:
    """A recording of 60 ms."""
    values = np.sin(np.arange(480) / 3)
    samples = (values * 30000).astype("<i2").tobytes() if kind == "whole" else values.astype("<f4").tobytes()
    form, width = (1, 2) if kind == "whole" else (3, 4)
    head = struct.pack("<HHIIHH", form, 1, 8000, 8000 * width, width, 8 * width)
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"LIST" + struct.pack("<I", 4) + b"INFO"
    body += b"data" + struct.pack("<I", len(samples)) + samples
    return {"a.wav": b"RIFF" + struct.pack("<I", len(body)) + body}


def columns() -> dict[str, np.ndarray]:
    """Events within the shape."""
    return {
        "t": np.arange(EVENTS) * 100,
        "x": np.arange(EVENTS) % 6,
        "y": np.arange(EVENTS) % 5,
        "p": np.arange(EVENTS) % 2,
    }


def events(suffix: str) -> Files:  # noqa: C901
    """A recording in one of the formats."""
    c = columns()
    buffer = io.BytesIO()
    if suffix == ".csv":
        rows = ["t,x,y,p", *(",".join(map(str, row)) for row in zip(*c.values(), strict=True))]
        return {"a.csv": "\n".join(rows).encode()}
    if suffix == ".npz":
        np.savez(buffer, **c)
    elif suffix == ".npy":
        table = np.zeros(EVENTS, [("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "i1")])
        for name in table.dtype.names:
            table[name] = c[name]
        np.save(buffer, table)
    elif suffix == ".bin":
        for t, x, y, p in zip(*c.values(), strict=True):
            buffer.write(bytes((x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255)))
    elif suffix == ".dat":
        buffer.write(b"% Data file\n% Version 2\n\x0c\x08")
        for t, x, y, p in zip(*c.values(), strict=True):
            buffer.write(struct.pack("<II", t, x | y << 14 | p << 28))
    elif suffix == "2.raw":
        buffer.write(b"% evt 2.0\n% end\n" + struct.pack("<I", 8 << 28))
        for t, x, y, p in zip(*c.values(), strict=True):
            buffer.write(struct.pack("<I", int(p) << 28 | int(t & 63) << 22 | int(x) << 11 | int(y)))
    elif suffix == "3.raw":
        words = [8 << 12 | 1, 6 << 12 | 5]
        for _, x, y, p in zip(*c.values(), strict=True):
            words += [int(y), 2 << 12 | int(p) << 11 | int(x), 3 << 12 | 1, 5 << 12 | 1, 3 << 12 | 1, 4 << 12 | 3]
        buffer.write(b"% format EVT3;height=6\n% end\n" + struct.pack(f"<{len(words)}H", *words))
    elif suffix == ".aedat":
        buffer.write(b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n")
        buffer.write(struct.pack("<hhiiiiii", 1, 0, 8, 4, 0, EVENTS, EVENTS, EVENTS))
        for t, x, y, p in zip(*c.values(), strict=True):
            buffer.write(struct.pack("<II", 1 | int(p) << 1 | int(y) << 2 | int(x) << 17, t))
    elif suffix in (".h5", ".hdf5"):
        import h5py

        with h5py.File(buffer, "w") as file:
            group = file if suffix == ".h5" else file.create_group("CD")
            if suffix == ".h5":
                for name, value in c.items():
                    group[name] = value
            else:
                for name, value in c.items():
                    group.create_dataset(name, data=value, chunks=(4,), compression="gzip", maxshape=(None,))
    return {f"a{suffix}" if suffix[0] == "." else f"a{suffix[1:]}": buffer.getvalue()}


def image(name: str, mode: str = "RGB") -> Files:
    """A picture of 6 times 6 pixels."""
    from PIL import Image

    buffer = io.BytesIO()
    picture = Image.fromarray(RNG.integers(0, 256, (6, 6, 3), np.uint8)).convert(mode if mode != "I;16" else "L")
    if mode == "I;16":
        picture = Image.fromarray(RNG.integers(0, 2**16, (6, 6), np.uint16))
    picture.save(buffer, {"jpg": "JPEG", "tif": "TIFF", "pgm": "PPM"}.get(name.split(".")[1], name.split(".")[1]))
    return {name: buffer.getvalue()}


PROFILE = b"""name = "my-chip"
title = "My chip, 28 nm"
counts = "events"
memory = "separate"
weight_bits = 8
notes = "a"
[figures.ac]
low = 20
high = 24.5
unit = "pJ"
source = "who"
[figures.mac]
value = 30
unit = "nJ"
source = "who"
[dram]
value = 1.0
unit = "pJ/bit"
source = "who"
[[sram]]
bytes = 1024
value = 0.1
unit = "pJ/bit"
source = "who"
[[power]]
value = 1
unit = "mW"
source = "who"
what = "idle"
"""

NUMBERS = {"sound": {"fault": None, "level": 0, "accuracy": [0.5, 0.6], "low": [0.4, 0.5], "high": [0.6, 0.7]}}
FAULTS = json.dumps(
    {
        "bundle": "b", "bundle_digest": "d", "data": "x", "measure": "accuracy", "interval": "95%", "seeds": [0], "images": 9, "steps": 2,
        **NUMBERS, "faults": [{**NUMBERS["sound"], "fault": "stuck-on", "level": 0.1}],
    }
).encode()  # fmt: skip
VALIDATION = json.dumps(
    {
        "ok": True, "brian2_version": "2.9", "bundle": "a", "digest": "d", "arithmetic": "exact", "engine": "numpy",
        "mode": "network", "target": "numpy", "images": 3, "steps": 4, "seconds": 1.5, "note": "a",
        "layers": [{"name": "if1", "neurons": 4, "spikes": 100, "differing_spikes": 0, "max_potential_difference": 0.5}],
    }
).encode()  # fmt: skip


def aedat_4() -> Files:
    """A recording of AEDAT 4, of 12 x 10 pixels."""
    return {"a.aedat4": AEDAT_4.read_bytes()}


def signed(content: bytes, password: str | None = None) -> Files:
    """A bundle with a signature, its public and its private key, encrypted if there is a password."""
    from spikelet import signing
    from spikelet.signing.signature import sign

    key = signing.new_key()
    files = {
        "net.snnb": content,
        "key.pub": signing.encode_public(signing.public_key(key)),
        "key.key": signing.encode_private(key, password),
    }
    return files | {"net.snnb.sig": _signature(files["net.snnb"], key, sign)}


def other_keys(content: bytes, password: str) -> Files:
    """A bundle whose keys are of another algorithm."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, pem = ec.generate_private_key(ec.SECP256R1()), serialization.Encoding.PEM
    return signed(content) | {
        "key.pub": key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo),
        "key.key": key.private_bytes(
            pem,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.BestAvailableEncryption(password.encode()),
        ),
    }


def _signature(content: bytes, key: object, sign: object) -> bytes:
    import hashlib

    digest = hashlib.sha256(content).digest()
    raw = key.public_key().public_bytes_raw()
    made = key.sign(b"spikelet bundle signature 1\0" + digest)
    lines = [
        "spikelet-signature 1",
        f"sha256 {digest.hex()}",
        f"key {base64.b64encode(raw).decode()} {base64.b64encode(made).decode()}",
    ]
    return ("\n".join(lines) + "\n").encode()
