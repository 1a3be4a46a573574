"""Write docs/vectors/ and docs/vectors.md: PYTHONPATH=tests/support python -m conformance_vectors.generate

Equal sources give equal bytes, on every machine.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from conformance_vectors.making import Written, make
from conformance_vectors.vector import ACCEPTED, DIFFERING, REFUSED
from second_reader import Run, answers, read

DOCS = Path(__file__).resolve().parents[3] / "docs"
FOLDER = DOCS / "vectors"
HEAD = """# Conformance vectors

Small bundles with the results that every implementation of [the format](bundle.md) must compute. They test a reader or a runtime in
any language and need nothing else of spikelet. `make vectors` writes this page and the folder `vectors/`. `make test` replays every
file with a second reader that shares no code with spikelet, on every engine, and in Brian2.

[`vectors/index.json`](vectors/index.json) lists the files. Each entry of `vectors` has these keys:

| key | value |
|---|---|
| `name`, `file`, `sha256` | name, path relative to the index, SHA-256 of the file |
| `verdict` | `accepted`, `refused` or `differs` |
| `tests` | purpose of the file; for a refused file, the one rule that it violates |
| `section` | refused: the group of the rule |
| `steps`, `samples` | T and N of the golden inputs |
| `answers` | (T, N): the predicted class after each time-step, for each golden input |
| `sequence` | a sequence of inputs: `file`, `sha256`, `steps`, `samples`, `answers`; optional |
| `exact` | accepted: whether every spike and logit must be equal. False for one file, in which float32 sums round: its spikes must be equal, its logits within the tolerance of the format |

* **accepted**: a reader must accept the file, and a runtime must reproduce its golden data: every spike of every layer, every logit.
  A file `NAME.sequence.safetensors` next to the bundle contains a sequence in the layout of golden data, except that `input` is
  (T, N, *shape), one frame per time-step: `logits` (T, N, K) of each time-step, `spikes.LAYER` (T, N, ⌈neurons / 8⌉).
* **refused**: a reader must refuse the file before it runs anything. The file violates the rule in `tests` and otherwise as few rules
  as possible; digests and checksums are valid unless they are the subject of the test. A reader that ignores the content of
  `step.onnx` may accept the files of section `step`; those named `step-own-version-…` concern only a reader that computes the member.
  Limits that need a file of more than 100 KB are not tested.
* **differs**: a reader must accept the file. Replaying its golden inputs must report a difference: with the graph for `differs-spike`
  and `differs-logit`, through `step.onnx` for `differs-step-model` and `differs-no-step-model`.

Values of float32 vectors are sums of few powers of two, so that no operation rounds and every order of summation gives the same result.
"""


def generated() -> dict[str, bytes]:
    """Return every generated file by its path relative to docs/."""
    files: dict[str, bytes] = {}
    index: list[dict[str, object]] = []
    for name, (tests, _) in ACCEPTED.items():
        index.append(_accepted(name, tests, make(name), files))
    for name, (tests, content) in DIFFERING.items():
        index.append(
            {"name": name, "verdict": "differs", "tests": tests, **_file(f"differs/{name}.snnb", content(), files)}
        )
    for name, refusal in REFUSED.items():
        entry = {"name": name, "verdict": "refused", "tests": refusal.rule, "section": refusal.section}
        index.append(entry | _file(f"refused/{name}.snnb", refusal.content(), files))
    rows = ",\n".join(f"  {json.dumps(entry, ensure_ascii=False)}" for entry in index)
    files["vectors/index.json"] = f'{{\n "format_version": "1.2",\n "vectors": [\n{rows}\n ]\n}}\n'.encode()
    files["vectors.md"] = page(index).encode()
    return files


def _accepted(name: str, tests: str, vector: Written, files: dict[str, bytes]) -> dict[str, object]:
    network = read(vector.bundle).network
    entry = {
        "name": name,
        "verdict": "accepted",
        "tests": tests,
        **_file(f"accepted/{name}.snnb", vector.bundle, files),
    }
    entry |= {"exact": network.exact or "rounding" not in name, **_answers(vector.golden)}
    if vector.sequence is not None and vector.frames is not None:
        file = _file(f"accepted/{name}.sequence.safetensors", vector.sequence, files)
        entry["sequence"] = file | _answers(vector.frames)
    return entry


def _answers(run: Run) -> dict[str, object]:
    steps, samples = run.logits.shape[:2]
    return {"steps": steps, "samples": samples, "answers": answers(run).tolist()}


def _file(path: str, content: bytes, files: dict[str, bytes]) -> dict[str, object]:
    files[f"vectors/{path}"] = content
    return {"file": path, "sha256": hashlib.sha256(content).hexdigest()}


def page(index: list[dict[str, object]]) -> str:
    """Return the text of the page."""
    lines = [HEAD]
    for verdict, title in (("accepted", "Accepted"), ("differs", "Differs"), ("refused", "Refused")):
        entries = [entry for entry in index if entry["verdict"] == verdict]
        lines += [f"## {title}: {len(entries)} files", ""]
        lines += ["| file | violated rule |" if verdict == "refused" else "| file | tests |", "|---|---|"]
        lines += [f"| [{entry['name']}](vectors/{entry['file']}) | {_cell(entry)} |" for entry in entries]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cell(entry: dict[str, object]) -> str:
    text = str(entry["tests"]).replace("_", r"\_").replace("*", r"\*").replace("[", r"\[").replace("|", r"\|")
    if isinstance(sequence := entry.get("sequence"), dict):
        text += f"; [sequence](vectors/{sequence['file']})"
    return text


def main() -> None:
    """Write the files, and remove those that are no longer generated."""
    files = generated()
    for old in FOLDER.rglob("*"):
        if old.is_file() and old.relative_to(DOCS).as_posix() not in files:
            old.unlink()
    for path, content in files.items():
        (DOCS / path).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / path).write_bytes(content)
    size = sum(len(content) for content in files.values())
    print(f"{len(files)} files, {size:,} bytes in {FOLDER.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    main()
