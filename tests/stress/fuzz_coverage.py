"""Let coverage guide the mutations (atheris, libFuzzer): `python tests/stress/fuzz_coverage.py --seconds 600`.

The target reads bytes as a bundle or, if they are no archive, as each of the members. The mutator knows the format
(`hostile.mutations.Mutator`) half of the time and leaves the other half to libFuzzer. Seeds are tests/corpus; new inputs
are stored in build/fuzz/corpus, and a file that raises anything but a BundleError is kept in build/fuzz.
"""

import argparse
import random
import shutil
import sys
from pathlib import Path

try:
    import atheris
except ModuleNotFoundError:
    sys.exit('atheris is not installed: pip install "spikelet[fuzz]" (Linux, CPython up to 3.13)')

with atheris.instrument_imports(include=["spikelet"]):
    from spikelet.bundle import decode, safetensors, strict_json
    from spikelet.errors import BundleError
    from spikelet.lowering.onnx.audit import audit

from hostile.bundles import bases, put_together, take_apart
from hostile.mutations import Mutator

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / "build" / "fuzz"
BASES = bases()


def target(content):
    """Read one file: any exception but a BundleError is a finding."""
    readers = [decode] if content[:4] == b"PK\x03\x04" else [_json, _tensors, _model]
    for reader in readers:
        try:
            reader(content)
        except BundleError:
            continue


def _json(content):
    strict_json.decode("x", content)


def _tensors(content):
    safetensors.decode("x", content)


def _model(content):
    audit("x", memoryview(content), {})


def mutate(content, size, seed):
    """Mutate an input; called by libFuzzer."""
    source = random.Random(seed)
    if source.random() < 0.5:
        return atheris.Mutate(content, size)
    try:
        members = take_apart(content)
        if source.random() < 0.3:  # one member by libFuzzer, with digests that fit
            name = source.choice(list(members))
            if name != "manifest.json":
                return put_together(members | {name: atheris.Mutate(members[name], len(members[name]) + 64)})[:size]
        return Mutator(source.randbytes(8), [members]).one()[1][:size]
    except Exception:
        return Mutator(source.randbytes(8), BASES).one()[1][:size]  # it is already damaged: start from a valid one


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    args = parser.parse_args()
    corpus = FOUND / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for path in (ROOT / "tests" / "corpus").iterdir():
        shutil.copy(path, corpus)
    for members in BASES:  # each member by itself as well
        for name, data in members.items():
            (corpus / f"{len(data)}-{name}").write_bytes(data)
    options = ["-max_len=20000", f"-max_total_time={args.seconds}", "-timeout=10", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={FOUND}/", str(corpus)], target, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
