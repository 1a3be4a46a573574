"""Recurrent NIR networks, simulated in float32 and in Brian2. Bundles have no recurrence.

A time-step evaluates every node once, in an order in which inputs come first. Edges that close a loop carry what their
source returned one time-step before, and zeros at the first; see `delays`.
"""
