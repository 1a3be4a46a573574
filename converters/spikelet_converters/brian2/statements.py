"""Statements and templates from which Brian2 generates code, kept for the next network.

Brian2 has a cache of its own. Its keys are the states of all variables of the network: to compute them takes a third of
the time of a small simulation, and the cache keeps every simulated network in memory. The statements depend on less: on
the code, the options, and the kind of each variable. These are the keys here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import wraps
from typing import Any, TypeAlias

MOST = 1000  # statements that are kept; the networks of this project have tens of different models
PREFERENCES = ("codegen.loop_invariant_optimisations", "core.default_float_dtype")  # that statements depend on

Make: TypeAlias = Callable[..., Any]
"""`make_statements` of Brian2, which has no types."""


def keep_statements() -> None:
    """Keep statements in Brian2, which is loaded, if this version has the function that generates them."""
    from brian2.codegen import translation
    from brian2.codegen.generators import base

    make = getattr(translation, "make_statements", None)
    if make is not None:
        translation.make_statements = base.make_statements = kept(getattr(make, "__wrapped__", make))


def keep_templates() -> None:
    """Do not look for changes of the files of Brian2's templates each time that code is generated from one of them."""
    from brian2.codegen.targets import codegen_targets

    for target in codegen_targets:
        environment = getattr(getattr(target, "templater", None), "env", None)
        if environment is not None:
            environment.auto_reload = False


def kept(make: Make) -> Make:
    """Return a function with the results of `make`, which is called once for each code and kinds of variables.

    Functions that are not Brian2's own, such as the values of an input over time, may have any property: with them
    nothing is kept.
    """
    from brian2 import prefs
    from brian2.core.functions import DEFAULT_FUNCTIONS, Function
    from brian2.core.variables import Variable

    own = {id(function) for function in DEFAULT_FUNCTIONS.values()}
    results: dict[Hashable, Any] = {}

    def kinds(variables: Mapping[str, Any]) -> frozenset[Hashable] | None:
        entries: list[Hashable] = []
        for name, value in variables.items():
            if isinstance(value, Variable):
                entries.append((name, type(value), value.dtype, value.scalar, getattr(value, "expr", None)))
            elif isinstance(value, Function):
                if id(value) not in own:
                    return None
                entries.append((name, id(value)))
            else:  # a queue of spikes
                entries.append((name, type(value)))
        return frozenset(entries)

    @wraps(make)
    def kept_make(
        code: str, variables: Mapping[str, Any], dtype: Any, optimise: bool = True, blockname: str = ""
    ) -> Any:
        key = kinds(variables)
        if key is None:
            return make(code, variables, dtype, optimise=optimise, blockname=blockname)
        preferences = tuple(map(prefs.__getitem__, PREFERENCES))
        whole = code, key, dtype, optimise, blockname, preferences
        statements = results.get(whole)
        if statements is None:
            statements = make(code, variables, dtype, optimise=optimise, blockname=blockname)
            if len(results) >= MOST:
                results.clear()
            results[whole] = statements
        return statements

    return kept_make
