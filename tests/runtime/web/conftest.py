"""Pages of bundles in a headless browser."""

import functools
import shutil

import pytest

from page_support import browser as browsers
from spikelet import shipped
from spikelet.deploy.web import compiler, page, web_page


@pytest.fixture(scope="session")
def tools():
    for name in compiler.TOOLS:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")


@pytest.fixture(scope="session", autouse=True)
def _compiled_once():
    """Networks of one shape have the same source: compile it once for all pages."""

    @functools.cache
    def compiled(source, flags):
        return compiler.compile_module(source)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "compile_module", lambda source: compiled(source, compiler.COMPILE))
        yield


@pytest.fixture(scope="session")
def browser(tools):
    """One browser for all pages: its start and its end take longer than most tests."""
    if browsers.find() is None:
        pytest.skip("chromium is not installed")
    with browsers.Browser() as running:
        yield running


@pytest.fixture(scope="module")
def write(tools, tmp_path_factory):
    """Write the page of a bundle, once for every file name.

    Shipped networks are compiled as for users, the others without optimisation, which takes a fifth of the time.
    """
    folder, paths = tmp_path_factory.mktemp("pages"), {}
    optimised = {path.stem for path in shipped.files()}

    def write(bundle, name, samples=None):
        if name not in paths:
            paths[name] = folder / f"{name}.html"
            with pytest.MonkeyPatch.context() as patch:
                if bundle.manifest.name not in optimised:
                    patch.setattr(compiler, "COMPILE", (*compiler.COMPILE, "-O0"))
                paths[name].write_text(web_page(bundle, samples).html, "utf-8")
        return paths[name]

    return write
