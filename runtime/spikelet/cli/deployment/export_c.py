"""Export a bundle as C source without malloc, floating point or libraries.

The host form uses lists of spikes and vector registers (GCC or Clang). The form for microcontrollers (--mcu) is plain
C99 with the smallest memory. Both come with a Makefile and a self-test that replays the golden inputs of the bundle.
"""

from __future__ import annotations
