"""A web page that runs a bundle: the generated C as WebAssembly, and everything else in one HTML file."""

from spikelet.deploy.web.compiler import tools
from spikelet.deploy.web.page import WebPage, web_page

__all__ = ["WebPage", "tools", "web_page"]
