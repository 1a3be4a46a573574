"""Write the speed pages that the processor of this machine can measure, and the tables made from them.

A page is replaced when its measurement is complete. The page of wider vectors than this processor has is kept.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from contenders import processors
from page_tables import int8, native, readme
from page_tables.measured import PAGES, stored

SPEED = Path(__file__).with_name("speed.py")
OPTIONS = {"AVX-512": [], "AVX2": ["--avx2", "--parts", "demo,resnet20,vgg16"]}  # of speed.py, by page


def measurable() -> list[str]:
    """Return the pages that can be measured: with the vectors of this processor, and with AVX2 if it can be restricted."""
    own = processors.widest()
    return [vectors for vectors in OPTIONS if vectors == own or (vectors == "AVX2" and processors.intercepts())]


def main() -> None:
    """Measure and write."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for vectors in measurable():
        page = PAGES[vectors]
        measured = subprocess.run([sys.executable, SPEED, *OPTIONS[vectors]], stdout=subprocess.PIPE, check=True)
        page.write_bytes(measured.stdout)
        print(page.read_text("utf-8"))
    for vectors in OPTIONS.keys() - set(measurable()):
        print(f"{PAGES[vectors].name} is kept: it is for {vectors}, this processor is {processors.description()}")
    tables = ((readme.README, readme.with_table), (int8.PAGE, int8.with_table), (native.PAGE, native.with_tables))
    for path, with_tables in tables:
        path.write_text(with_tables(path.read_text("utf-8"), stored()), "utf-8")


if __name__ == "__main__":
    main()
