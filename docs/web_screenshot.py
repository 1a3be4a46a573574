"""Write the screenshot of the web page of the shipped bundle for the documentation: make screenshots."""

import base64
import io
import sys
import tempfile
from pathlib import Path

from palette import reduced
from PIL import Image

from spikelet import bundle, shipped
from spikelet.deploy.web import web_page

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent / "tests" / "support"))
from page_support.browser import Browser  # noqa: E402

BUNDLE = DOCS.parent / "assets" / "spikelet_assets" / "vgg9-cifar10.snnb"
WIDTH, SCALE = 1150, 0.8
SAMPLE, STEP, LAYER = 8, 4, 2  # a frog, the fifth time-step, if3


def main() -> None:
    """Write docs/images/web.png: from the title to the end of the layers."""
    network = bundle.read(BUNDLE)
    images = shipped.images_for(network.graph.input.shape, network.manifest.labels)
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        path = Path(folder, "page.html")
        path.write_text(web_page(network, images).html, "utf-8")
        browser.call("Emulation.setDeviceMetricsOverride", width=WIDTH, height=900, deviceScaleFactor=1, mobile=False)
        browser.open(path)
        browser.evaluate(
            f"(async ({{page}}) => {{ document.querySelectorAll('.sample')[{SAMPLE}].click(); await page.computed;"
            f" page.choose({LAYER});"
            f" page.moveTo({STEP}); document.getElementById('duration').textContent = ''; }})(await spikelet)"
        )
        end = browser.evaluate("document.getElementById('layers').getBoundingClientRect().bottom + scrollY")
        clip = {"x": 0, "y": 0, "width": WIDTH - 15, "height": end + 20, "scale": SCALE}
        shot = browser.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
    picture = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    path = DOCS / "images" / "web.png"
    reduced(picture).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
