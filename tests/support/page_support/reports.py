"""Bundles for reports, and a parsed report page."""

from html.parser import HTMLParser
from pathlib import Path

from networks import small_graph
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, read, write
from spikelet.verify import record_golden

LABELS = ("ant", "bee", "cat")
EVIL = "<script>alert('x')</script> & co"
STEP = {
    "steps": 8,
    "spike_rate": 0.25,
    "over_firing": 0.125,
    "under_firing": 0.0625,
    "correlation": None,
    "rms_residual": 0.1,
}


def save(path, seed, images, name, card="# small\n\nA card.\n", results=(), conversion=None):
    graph = small_graph(seed)
    manifest = Manifest(name, LABELS, 4, exact_steps(graph), results=list(results), conversion=conversion or {})
    write(Bundle(graph, manifest, record_golden(graph, images.images[:2], 4), card), path)


class Page(HTMLParser):
    """Collects tags with their attributes, and texts; fails if a tag is not closed."""

    VOID = ("meta",)

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def validation_of(path: Path, **changed: object) -> dict[str, object]:
    """Return a result of `spikelet validate -o FILE.json` for a bundle, with changed entries."""
    layer = {"name": "if1", "neurons": 6, "spikes": 12, "differing_spikes": 0, "max_potential_difference": 0.0}
    facts = {
        "ok": True, "brian2_version": "2.9.0", "bundle": "one", "digest": read(path).digest, "arithmetic": "exact",
        "engine": "numpy", "images": 2, "steps": 3, "mode": "whole", "target": "numpy", "seed": 0, "seconds": 0.5,
        "first_divergence": None, "layers": [{**layer, "first_divergence": None}],
    }  # fmt: skip
    return {**facts, **changed}
