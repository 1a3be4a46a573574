"""Assemble the HTML of a page from a template, style, scripts and data, without references to other files.

The scripts of the page and of its worker are modules in the folder `files`; those of its folder `network` run the
network and do not use the page. Each script is joined to one text: every module once, after those that it imports,
without the lines `import` and the keyword `export`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from html import escape
from importlib import resources
from pathlib import Path
from posixpath import dirname, join, normpath

FOLDER = "files"
MAIN, WORKER = "main.js", "worker.js"
IMPORT = re.compile(r'^import \{[^}]*\} from "(\.[a-z./]+\.js)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?function|const|class)", re.MULTILINE)
FIELD = re.compile(r"@([A-Z]+)@")
STATED = re.compile(rb'id="data-facts">\{"name": "[^\n]*?", "digest": "([0-9a-f]{64})"')
BEGIN = 2**17  # bytes of a page, at most, before the end of its digest


def document(title: str, facts: Mapping[str, object], module: bytes, data: bytes) -> str:
    """Return the HTML.

    Its Content-Security-Policy allows this script and this style, a worker from text in the page, compiled WebAssembly,
    and no connection. A worker inherits the policy.

    Args:
        title: Title of the page.
        facts: JSON object for the script.
        module: WebAssembly module.
        data: Encoded tensors for the script; the function compresses them.
    """
    style, code = _read("page.css"), script()
    policy = (
        f"default-src 'none'; script-src '{_digest(code)}' 'wasm-unsafe-eval'; style-src '{_digest(style)}'; "
        "worker-src blob:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )
    fields = {
        "POLICY": policy,
        "TITLE": escape(title),
        "STYLE": style,
        "FACTS": json.dumps(facts, allow_nan=False).replace("<", "\\u003c"),
        "MODULE": base64.b64encode(module).decode(),
        "DATA": base64.b64encode(zlib.compress(data, 9)).decode(),
        "WORKER": script(WORKER),
        "SCRIPT": code,
    }
    return FIELD.sub(lambda match: fields[match[1]], _read("page.html"))


def script(main: str = MAIN) -> str:
    """Return the text of a module and of all modules that it imports, in order of dependency."""
    texts: dict[str, str] = {}

    def add(name: str) -> None:
        if name in texts:
            return
        text = _read(name)
        for imported in IMPORT.findall(text):
            add(normpath(join(dirname(name), imported)))
        texts[name] = EXPORT.sub("", IMPORT.sub("", text)).strip() + "\n"

    add(main)
    return "\n".join(texts.values())


def digest_of(path: Path) -> str | None:
    """Return the digest of the bundle whose page a file is, or None for another file."""
    with path.open("rb") as file:
        stated = STATED.search(file.read(BEGIN))
    return None if stated is None else stated[1].decode()


def _digest(text: str) -> str:
    """Return the source expression of an inline script or style in a Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(FOLDER, *name.split("/")).read_text("utf-8")
