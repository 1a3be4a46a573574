"""The file itself: it loads no other files, texts of a bundle stay texts, and every control has a name."""

import json
import math
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from hostile.names import renamed
from networks import small_graph
from page_support.runs import check_run
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.deploy.web.document import FOLDER, MAIN, WORKER, script
from spikelet.display import compact
from spikelet.report.page import Section, table
from spikelet.report.page import page as report_page
from spikelet.verify import record_golden

FILES = Path(str(resources.files("spikelet.deploy.web").joinpath(FOLDER)))
NASTY = "</script><script>globalThis.evil=1</script><!-- @SCRIPT@ \u2028 \"'&<b>"
NAMESPACE = "http://www.w3.org/2000/svg"  # a name, not an address
LONGEST_MODULE = 250


@pytest.fixture(scope="module")
def small():
    graph = small_graph()
    inputs = np.random.default_rng(0).integers(0, 256, (2, 3, 6, 6)).astype(np.float32)
    manifest = Manifest("small", ("ant", "bee", "cat"), 8, exact_steps(graph))
    return Bundle(graph, manifest, record_golden(graph, inputs, 4), "# small\n")


@pytest.mark.parametrize("path", sorted(FILES.rglob("*.js")), ids=lambda path: path.name)
def test_the_scripts_contain_every_module_once(path):
    """A module is in the script of the page, of the worker, or in both."""
    text, scripts = path.read_text("utf-8"), (script(MAIN), script(WORKER))
    assert text.count("\n") <= LONGEST_MODULE
    assert text.startswith("/* ")
    for name in re.findall(r"^(?:export )?(?:async )?(?:function|class|const) (\w+)", text, re.MULTILINE):
        defined = [
            len(re.findall(rf"^(?:async )?(?:function|class|const) {name}\b", code, re.MULTILINE)) for code in scripts
        ]
        assert max(defined) == 1, name


@pytest.mark.parametrize("main", [MAIN, WORKER])
def test_a_script_has_no_line_of_a_module_system_or_of_html(main):
    assert not re.search(r"^(import|export)\b|</|<!--", script(main), re.MULTILINE)


def test_nothing_is_loaded_from_elsewhere(write, small):
    html = write(small, "small").read_text("utf-8")
    assert re.findall(r"\w+://[^\s\"'`<]+", html.replace(NAMESPACE, "")) == []
    assert not re.search(r"<(link|iframe|img|object|embed|base|form)\b|\ssrc=|@import|url\(", html)


def test_the_policy_stops_connections_and_other_scripts(browser, write, small):
    browser.show(write(small, "small"))
    attempts = """(async () => {
        await spikelet;
        const refused = [];
        document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
        for (const connect of [() => fetch("http://127.0.0.1:9/"), () => new WebSocket("ws://127.0.0.1:9/")])
            try { await connect(); } catch { /* refused */ }
        document.body.append(Object.assign(document.createElement("script"), { textContent: "globalThis.evil = 1" }));
        const image = Object.assign(new Image(), { src: "http://127.0.0.1:9/a.png" });
        await new Promise((resolve) => (image.onerror = resolve));
        await new Promise((resolve) => setTimeout(resolve));
        return [refused.sort(), "evil" in globalThis];
    })()"""
    refused, evil = browser.evaluate(attempts)
    assert not evil
    assert sorted(set(refused)) == ["connect-src", "img-src", "script-src-elem"]
    assert refused.count("connect-src") == 2


def test_the_policy_stops_connections_of_a_worker(browser, write, small):
    browser.show(write(small, "small"))
    attempt = """(async () => {
        await spikelet;
        const code = `addEventListener("securitypolicyviolation", (event) => postMessage(event.effectiveDirective));
            fetch("http://127.0.0.1:9/").catch(() => {});`;
        const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
        return new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
    })()"""
    assert browser.evaluate(attempt) == "connect-src"


def test_texts_of_a_bundle_stay_texts(browser, write, small):
    nasty = replace(small, manifest=replace(small.manifest, name=NASTY, labels=(NASTY, "bee", "@FACTS@")))
    browser.open(write(nasty, "nasty"))
    heading, shown = browser.evaluate(
        "(await spikelet, [document.querySelector('h1').textContent, document.getElementById('evidence').innerText])"
    )
    assert heading == NASTY
    assert NASTY.replace("\u2028", "") in shown.replace("\u2028", "").replace("\n", "")
    assert "@FACTS@" in shown
    assert not browser.evaluate("'evil' in globalThis")
    assert browser.evaluate("document.documentElement.dataset.golden") == "pass"


def test_layers_are_named_like_members_of_every_object(browser, write):
    """JavaScript objects inherit members such as `constructor`; these names must not reach them."""
    names = ["__proto__", "constructor", "toString", "hasOwnProperty", "prototype", "then", "length", "valueOf"]
    small = small_graph()
    graph = renamed(small, [*names, *(f"n{index}" for index in range(len(small.nodes)))][: len(small.nodes)])
    inputs = np.random.default_rng(0).integers(0, 256, (2, 3, 6, 6)).astype(np.float32)
    manifest = Manifest("members", ("__proto__", "constructor", "toString"), 8, exact_steps(graph))
    browser.open(write(Bundle(graph, manifest, record_golden(graph, inputs, 4), ""), "members"))
    check_run(browser, graph)
    assert browser.evaluate("document.documentElement.dataset.golden") == "pass"
    layers = browser.evaluate("document.getElementById('layers').innerText")
    assert all(name in layers for name in graph.spiking)


def test_every_control_and_picture_has_a_name(browser, write, small):
    browser.show(write(small, "small"))
    browser.evaluate("(await spikelet, document.getElementById('draw').click())")
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "slider", "spinbutton", "checkbox", "radio", "image", "application", "ColorWell", "region"}
    named = [(node["role"]["value"], node["name"]["value"]) for node in nodes if node["role"]["value"] in roles]
    assert {role for role, _ in named} >= roles - {"region"}
    assert [role for role, name in named if not name] == []
    rasters = [name for role, name in named if role == "image" and name.startswith("Raster of ")]
    assert len(rasters) == len(small.graph.spiking)


def test_the_time_cursor_is_moved_by_keyboard(browser, write, small):
    browser.open(write(small, "small"))
    browser.evaluate("(await spikelet, document.getElementById('time').focus())")
    for key, code in (("ArrowLeft", 37), ("Home", 36)):
        browser.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code)
    assert browser.evaluate("document.getElementById('time-text').textContent") == "Time-step 1 of 8"
    state = browser.evaluate(
        "(({page, network, countsOf}) => [page.time, countsOf(network, page.run, 1).spikes,"
        " page.run.fired.map((fired) => fired[0])])(await spikelet)"
    )
    assert state[0] == 0
    assert state[1] == sum(state[2]) > 0
    assert browser.evaluate("document.getElementById('counts').rows[0].cells[1].textContent") == f"{state[1]:,}"


@pytest.mark.parametrize("width", [320, 1400])
def test_the_page_fits_narrow_and_wide_windows(browser, write, small, width):
    browser.show(write(small, "small"))
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    wide = browser.evaluate("(await spikelet, [document.documentElement.scrollWidth, innerWidth])")
    browser.call("Emulation.clearDeviceMetricsOverride")
    assert wide[0] <= wide[1] == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system(browser, write, small, scheme):
    browser.show(write(small, "small"))
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    text, page = browser.evaluate(
        "(await spikelet, [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor])"
    )
    browser.call("Emulation.setEmulatedMedia", features=[])
    bright = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (text, page)]
    assert (bright[0] < bright[1]) == (scheme == "light")
    assert abs(bright[0] - bright[1]) > 450


def test_a_report_fits_a_narrow_window(browser, tmp_path):
    """Digests, commands and names of files have no space at which a line could break; tables scroll."""
    word = "0123456789abcdef" * 5
    body = f"<p>{word}</p><ul><li>{word}</li></ul><figure><figcaption>{word}</figcaption></figure>"
    sections = [Section("card", "Model card", body + table(["layer", "operations"] * 4, [[word] * 8]))]
    (tmp_path / "report.html").write_text(report_page(word, f"<p>{word}</p>", sections))
    browser.call("Emulation.setDeviceMetricsOverride", width=320, height=900, deviceScaleFactor=1, mobile=False)
    try:
        browser.open(tmp_path / "report.html")
        assert browser.evaluate("document.documentElement.scrollWidth") <= 320
    finally:
        browser.call("Emulation.clearDeviceMetricsOverride")


def test_numbers_are_written_as_in_reports(browser):
    """All magnitudes and both signs, with digits that are rounded up to the next power of ten, and halves."""
    functions = (FILES / "dom.js").read_text("utf-8").replace("export function", "function")
    digits = (1, 1.125, 1.135, 1.234, 2.5, 9.994, 9.995, 9.996)
    values = [sign * float(f"{digit}e{power}") for power in range(-12, 25) for digit in digits for sign in (1, -1)]
    values += [0.0, -0.0, 100.5, 101.5, 1025.0, 1035.0, 999.5, 1e300, 5e-324, math.nan, math.inf, -math.inf]
    shares = [0.0, 1.0, 1 / 3, 0.0005, 0.0015, 0.0025, 0.0075, 0.00125, 0.99949, 0.9995, 1e-9]
    code = f"{functions}; return [{json.dumps(values)}.map(short), {json.dumps(shares)}.map(percent)]"
    compacts, percents = browser.evaluate(f"(() => {{ {code}; }})()")
    assert dict(zip(values, compacts, strict=True)) == {value: compact(value) for value in values}
    assert percents == [f"{share:.1%}" for share in shares]
