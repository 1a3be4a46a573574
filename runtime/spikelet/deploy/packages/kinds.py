"""Table of the kinds of packages."""

from __future__ import annotations

from spikelet.deploy.packages.arduino import ARDUINO
from spikelet.deploy.packages.base import Package
from spikelet.deploy.packages.cmake import CMAKE
from spikelet.deploy.packages.cmsis_pack import CMSIS_PACK
from spikelet.deploy.packages.esp_idf import ESP_IDF
from spikelet.deploy.packages.platformio import PLATFORMIO
from spikelet.deploy.packages.zephyr import ZEPHYR

PACKAGES: dict[str, Package] = {
    "cmake": CMAKE,
    "arduino": ARDUINO,
    "platformio": PLATFORMIO,
    "zephyr": ZEPHYR,
    "esp-idf": ESP_IDF,
    "cmsis-pack": CMSIS_PACK,
}
