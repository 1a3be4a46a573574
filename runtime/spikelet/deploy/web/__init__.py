"""Write a web page that runs a bundle: one HTML file that contains the generated C as WebAssembly."""

from spikelet.deploy.web.compiler import tools
from spikelet.deploy.web.page import WebPage, web_page

__all__ = ["WebPage", "tools", "web_page"]
