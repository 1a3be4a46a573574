"""A page replays the golden inputs of its bundle, and runs inputs of the user as the engines do."""

import base64
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from networks import small_graph
from page_support.runs import check_run
from spikelet import Model, bundle, shipped
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.data.folder import read_image
from spikelet.session.early_exit import Margin
from spikelet.verify import record_golden

VECTORS = Path(__file__).parents[3] / "docs" / "vectors" / "accepted"
DATA = "(await spikelet, {...document.documentElement.dataset})"
TEXT = "document.getElementById({!r}).textContent"
NEXT_FRAME = "(await new Promise(requestAnimationFrame))"  # drawings are run once for each frame
DROP = """(async () => {{
    await spikelet;
    const bytes = Uint8Array.from(atob({data!r}), (c) => c.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], {name!r}, {{ type: "image/png" }}));
    document.dispatchEvent(new DragEvent("drop", {{ dataTransfer: transfer, cancelable: true }}));
    while (!{done}) await new Promise((resolve) => setTimeout(resolve, 5));
    return true;
}})()"""


@pytest.fixture(scope="module")
def grey():
    (path,) = (path for path in shipped.files() if path.name == "vgg5-fashion-mnist.snnb")
    return bundle.read(path)


@pytest.fixture(scope="module")
def coloured():
    graph = small_graph(size=8)
    inputs = np.random.default_rng(3).integers(0, 256, (3, 3, 8, 8)).astype(np.float32)
    manifest = Manifest("small", ("ant", "bee", "cat"), 8, exact_steps(graph))
    return Bundle(graph, manifest, record_golden(graph, inputs, 5), "# small\n")


@pytest.fixture(params=["grey", "coloured"])
def either(request):
    return request.getfixturevalue(request.param)


def drop(browser, path):
    """Drop a file on the page and wait until it is the input, or an error is shown."""
    done = f"((await spikelet).page.input.name === {path.name!r} || document.getElementById('input-state').textContent)"
    data = base64.b64encode(path.read_bytes()).decode()
    assert browser.evaluate(DROP.format(data=data, name=path.name, done=done))


def test_the_golden_inputs_are_replayed_on_load(browser, write, either):
    browser.open(write(either, either.manifest.name))
    shown = browser.evaluate(DATA)
    golden = either.golden
    spikes = sum(int(spikes.sum()) for spikes in golden.spikes.values())
    assert (shown["golden"], shown["thread"]) == ("pass", "worker")
    assert (shown["goldenInputs"], shown["goldenDiffering"]) == (str(golden.inputs.shape[0]), "0")
    assert (shown["goldenSpikes"], shown["goldenLogits"]) == (str(spikes), str(golden.logits.size))
    assert f"0 differing spikes of {spikes:,}" in browser.evaluate(TEXT.format("golden"))
    actual = check_run(browser, either.graph)
    assert actual["answer"] == either.manifest.labels[actual["prediction"]]
    assert browser.problems() == []


@pytest.mark.parametrize("wrong", ["spike", "logit"])
def test_a_difference_from_the_golden_record_is_shown(browser, write, coloured, wrong):
    golden = coloured.golden
    spikes = {name: golden.spikes[name].copy() for name in coloured.graph.spiking}
    logits = golden.logits.copy()
    if wrong == "spike":
        spikes["if2"][3, 1, 5] ^= True
    else:
        logits[3, 1, 2] += 1
    browser.open(write(replace(coloured, golden=replace(golden, logits=logits, spikes=spikes)), f"wrong-{wrong}"))
    shown = browser.evaluate(DATA)
    assert (shown["golden"], shown["goldenDiffering"]) == ("fail", "1")
    where = {"spike": "layer if2, neuron 5", "logit": "logit of cat"}[wrong]
    assert f"First difference: input 2, time-step 4, {where}." in browser.evaluate(TEXT.format("golden"))


@pytest.mark.parametrize(
    "name",
    ["another-writer", "bits-16", "conv-groups", "equal-logits-in-the-end", "if-zero", "lif-shifts", "negative-pixels", "one-class",
     "pixels-16-bits", "residual-downsampling"],
)  # fmt: skip
def test_networks_of_every_kind(browser, write, name):
    """For vectors, and pixels or channels that images cannot have, the page shows a message and runs the golden inputs."""
    vector = bundle.read(VECTORS / f"{name}.snnb")
    browser.open(write(vector, name))
    assert browser.evaluate(DATA)["golden"] == "pass"
    check_run(browser, vector.graph)
    node = vector.graph.input
    pictures = len(node.shape) == 3 and node.shape[0] in (1, 3) and node.low <= 0 and node.high >= 255
    assert browser.evaluate("document.getElementById('other').hidden") == pictures
    assert browser.evaluate("document.getElementById('pictures').hidden") != pictures
    assert browser.problems() == []


def rows_first(path, shape):
    """Return Pillow's image in the shape of a network, resampled by rows first; Pillow's own order varies."""
    channels, height, width = shape
    image = Image.open(path).convert("L" if channels == 1 else "RGB")
    ratio, kept = width / height, image.size
    if kept[0] / kept[1] != ratio:
        kept = (kept[1] * ratio, kept[1]) if kept[0] / kept[1] > ratio else (kept[0], kept[0] / ratio)
    left, top = (image.width - kept[0]) / 2, (image.height - kept[1]) / 2
    image = image.resize((width, image.height), Image.Resampling.BICUBIC, (left, 0, left + kept[0], image.height))
    image = image.resize((width, height), Image.Resampling.BICUBIC, (0, top, width, top + kept[1]))
    pixels = np.asarray(image)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


@pytest.mark.parametrize("size", ["own", (40, 31), (9, 64), (5, 3)], ids=str)
def test_a_dropped_picture_is_seen_as_on_the_command_line(browser, write, either, tmp_path, size):
    shape = either.graph.input.shape
    width, height = shape[:0:-1] if size == "own" else size
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / f"{width}x{height}.png")
    browser.show(write(either, either.manifest.name))
    path = tmp_path / f"{width}x{height}.png"
    drop(browser, path)
    actual = np.array(check_run(browser, either.graph)["pixels"]).reshape(shape)
    assert (actual == rows_first(path, shape)).all()
    most = 0 if size == "own" else 12  # where Pillow resamples the columns first, it rounds other values
    assert np.abs(actual - read_image(path, shape)).max() <= most


def test_a_file_that_is_no_picture_is_refused(browser, write, coloured, tmp_path):
    (tmp_path / "notes.png").write_text("no image")
    browser.open(write(coloured, "small"))
    drop(browser, tmp_path / "notes.png")
    assert browser.evaluate(TEXT.format("input-state")).startswith("notes.png: not an image that this browser reads")
    assert browser.evaluate("(await spikelet).page.input.name") == "golden input 1"


def test_a_drawing_by_mouse_is_run(browser, write, grey):
    browser.open(write(grey, grey.manifest.name))
    browser.evaluate("(await spikelet, document.getElementById('draw').click())")
    box = browser.evaluate(
        "(document.getElementById('pad').scrollIntoView(), document.getElementById('pad').getBoundingClientRect().toJSON())"
    )
    left, middle = box["left"] + box["width"] / 4, box["top"] + box["height"] / 2
    for kind, x in (("mousePressed", left), ("mouseMoved", left + box["width"] / 2), ("mouseReleased", left)):
        browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=middle, button="left", buttons=1, clickCount=1)
    browser.evaluate(NEXT_FRAME)
    actual = check_run(browser, grey.graph)
    drawn = np.array(actual["pixels"]).reshape(28, 28)
    assert actual["name"] == "drawing"
    assert (drawn[13:15, 8:20] > 200).all()
    assert not drawn[:11].any()
    assert not drawn[17:].any()


def test_a_drawing_by_keyboard_is_run(browser, write, grey):
    browser.open(write(grey, grey.manifest.name))
    browser.evaluate("(await spikelet, document.getElementById('draw').click())")
    browser.evaluate("document.getElementById('pad').focus()")
    for key in ["ArrowLeft"] * 3 + [" "] + ["ArrowDown"] * 6:
        browser.call("Input.dispatchKeyEvent", type="keyDown", key=key)
    browser.evaluate(NEXT_FRAME)
    assert browser.evaluate(TEXT.format("pad-state")) == "Pen down at column 12, row 21"
    drawn = np.array(check_run(browser, grey.graph)["pixels"]).reshape(28, 28)
    assert (drawn[14:20, 10:12] > 200).all()
    assert not drawn[:, 14:].any()


def test_the_camera_is_run_and_stops(browser, write, coloured):
    browser.show(write(coloured, "small"))
    frame = """(async () => {
        const {page} = await spikelet, camera = document.getElementById("camera");
        camera.click();
        while (page.input.name !== "camera") await new Promise((resolve) => setTimeout(resolve, 5));
        camera.click();
        return [camera.textContent, document.getElementById("video").hidden];
    })()"""
    assert browser.evaluate(frame) == ["Camera", True]
    assert len(set(check_run(browser, coloured.graph)["pixels"])) > 3


def test_early_exit_stops_where_a_model_stops(browser, write, grey):
    images = shipped.images_for((1, 28, 28), grey.manifest.labels)
    browser.open(write(grey, "samples", images))
    result = Model(grey, "numpy").run(_samples(browser), 8, early_exit=Margin(1.5))
    expected = result.exit_steps.tolist()
    assert len(set(expected)) > 1
    choose = """(async ({page}) => {
        document.getElementById("exit").checked = true;
        document.getElementById("margin").value = 1.5;
        const steps = [];
        for (const {pixels, name, truth} of page.offered) {
            await page.take(pixels, name, truth);
            steps.push(page.run.steps);
        }
        return steps;
    })(await spikelet)"""
    assert browser.evaluate(choose) == expected


def test_a_network_of_sound_offers_samples_and_says_that_pictures_do_not_fit(browser, write):
    (path,) = (path for path in shipped.files() if path.name == "spoken-digits.snnb")
    sound = bundle.read(path)
    samples = shipped.images_for(sound.graph.input.shape, sound.manifest.labels)
    browser.open(write(sound, "sound", samples))
    run = """(async ({page}) => {
        const runs = [];
        for (const {pixels, name, truth} of page.offered) {
            await page.take(pixels, name, truth);
            runs.push({name, truth, pixels: Array.from(pixels), prediction: document.documentElement.dataset.prediction});
        }
        return runs;
    })(await spikelet)"""
    runs = browser.evaluate(run)
    assert [run["name"] for run in runs[1:4]] == ["golden input 2", "sample: 0", "sample: 1"]
    inputs = np.array([run["pixels"] for run in runs], np.uint8).reshape(-1, *sound.graph.input.shape)
    expected = Model(sound, "numpy").run(inputs, sound.default_steps).predictions[-1]
    assert [int(run["prediction"]) for run in runs] == expected.tolist()
    assert browser.evaluate(DATA)["golden"] == "pass"
    assert browser.evaluate(TEXT.format("other")) == (
        "The input of this network is 32 × 1 × 48 numbers 0…255, not an image of one or three channels with pixels "
        "0…255. Choose a golden input or a sample."
    )
    assert browser.problems() == []


@pytest.mark.parametrize(("made_for", "exact", "offered"), [(3, 20, (3, 20)), (6, 4, (6, 6)), (None, 5, (5, 5))])
def test_time_steps_are_those_that_the_bundle_was_made_for(browser, write, coloured, made_for, exact, offered):
    """The limit is the proven number: in float32 (`exact_steps`) or, for bundles made for more, with 32-bit integers."""
    conversion = {} if made_for is None else {"steps": made_for}
    manifest = replace(coloured.manifest, exact_steps=exact, conversion=conversion)
    changed = replace(coloured, manifest=manifest)
    browser.open(write(changed, f"made-for-{made_for}"))
    assert browser.evaluate(
        "(await spikelet, ['value', 'max'].map((name) => Number(document.getElementById('steps')[name])))"
    ) == [*offered]
    assert check_run(browser, changed.graph)["steps"] == offered[0] == changed.default_steps


# A clock that advances by 5 ms at every reading, so that a slice of time ends after two readings on every machine.
SLOW = """(async ({page, network}) => {
    let now = 0, turns = 0, running = true;
    const real = performance.now.bind(performance);
    performance.now = () => (now += 5);
    const channel = new MessageChannel();
    channel.port1.onmessage = () => { turns += 1; if (running) channel.port2.postMessage(null); };
    channel.port2.postMessage(null);
    const before = await page.network.run(page.input.pixels, 8), during = turns;
    const [first, second] = await Promise.all([network.run(page.input.pixels, 8), network.run(page.input.pixels, 8)]);
    const busy = turns;
    await network.time(page.input.pixels, 8, 100);
    const timed = turns - busy;
    running = false;
    performance.now = real;
    const logits = ({logits}) => logits.map((values) => Array.from(values));
    return {during, timed, equal: [first, second].map((run) => `${logits(run)}` === `${logits(before)}`)};
})(await spikelet)"""


@pytest.fixture
def without_workers(browser):
    """A browser that starts no workers for local files."""
    refuse = "globalThis.Worker = class { constructor() { throw new Error('no worker'); } }"
    script = browser.call("Page.addScriptToEvaluateOnNewDocument", source=refuse)["identifier"]
    yield browser
    browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_without_workers_other_work_of_the_page_goes_on_during_a_run(without_workers, write, coloured):
    """Other work runs between time-steps and between the runs of a measurement, and concurrent runs do not interfere."""
    browser = without_workers
    browser.open(write(coloured, "small"))
    shown = browser.evaluate(SLOW)
    assert shown["during"] >= 4
    assert shown["timed"] >= 4
    assert shown["equal"] == [True, True]
    assert browser.evaluate(DATA)["thread"] == "page"
    assert browser.evaluate(DATA)["golden"] == "pass"
    check_run(browser, coloured.graph)


def test_a_module_that_does_not_compile_is_reported(browser, write, coloured):
    """It fails in the worker, and again in the thread of the page."""
    path = write(coloured, "small")
    broken = path.with_name("broken.html")
    page = path.read_text("utf-8")
    start = page.index(">", page.index('id="data-module"')) + 1
    broken.write_text(page[:start] + "AAAA" + page[start + 4 :], "utf-8")
    browser.open(broken)
    assert browser.evaluate("(await spikelet.catch((error) => error.message))")
    assert browser.evaluate("document.documentElement.dataset.golden") == "error"
    assert browser.evaluate(TEXT.format("golden")).startswith("The network did not start: ")


def test_the_page_is_free_during_a_run(browser, write, coloured):
    """The page handles events during a run in the worker, and concurrent runs do not interfere."""
    browser.show(write(coloured, "small"))
    shown = browser.evaluate("""(async ({page, network}) => {
        let turns = 0, running = true;
        const channel = new MessageChannel();
        channel.port1.onmessage = () => { turns += 1; if (running) channel.port2.postMessage(null); };
        channel.port2.postMessage(null);
        const input = page.input.pixels, other = input.map(() => 9);
        const one = await network.run(input, 8), busy = turns;
        const [first, second, third] = await Promise.all([input, other, input].map((pixels) => network.run(pixels, 8)));
        running = false;
        const logits = ({logits}) => `${logits.map((values) => Array.from(values))}`;
        return [busy > 0, logits(first) === logits(one), logits(second) === logits(one), logits(third) === logits(one)];
    })(await spikelet)""")
    assert shown == [True, True, False, True]


def test_inputs_that_arrive_during_a_run_are_followed_by_one_run_of_the_last(browser, write, coloured):
    browser.show(write(coloured, "small"))
    runs = browser.evaluate("""(async ({page, network}) => {
        const runs = [], run = network.run.bind(network);
        network.run = (pixels, ...rest) => (runs.push(pixels[0]), run(pixels, ...rest));
        const size = page.input.pixels.length;
        const taken = [1, 2, 3, 4].map((value) => page.take(new Array(size).fill(value), `${value}`, null));
        await Promise.all(taken);
        network.run = run;
        return [runs, page.input.name, document.getElementById("input-name").textContent];
    })(await spikelet)""")
    assert runs == [[1, 4], "4", "4"]
    assert set(check_run(browser, coloured.graph)["pixels"]) == {4}


def _samples(browser):
    offered = browser.evaluate("(await spikelet).page.offered.map((input) => Array.from(input.pixels))")
    assert len(offered) == 10
    return np.array(offered, np.uint8).reshape(-1, 1, 28, 28)
