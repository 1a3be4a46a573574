"""Changes of one expression of a module: a constant, an operator, a condition, or the order of two arguments."""

from __future__ import annotations

import ast
import functools
import importlib.abc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

ROOT = Path(__file__).resolve().parents[3]
READERS = ROOT / "converters" / "spikelet_converters" / "frontends"
SWAPPED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Is: ast.IsNot,
    ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of a module.

    Attributes:
        path: File of the module.
        index: Index of the change among those of the module.
        lines: First and last line of the statement that changes.
        change: The line and the expression that changes, for messages.
        function: Qualified name of the function that contains it, "" for a change that acts at import.
    """

    path: Path
    index: int
    lines: tuple[int, int]
    change: str
    function: str

    @property
    def module(self) -> str:
        """Name of the module."""
        return module_of(self.path)

    def apply(self) -> None:
        """Change the module in this process; its importers keep their references to the function."""
        if self.function:
            code = _code_of(compile(_changed(self), str(self.path), "exec"), self.function)
            _function(sys.modules[self.module], self.function).__code__ = code
            return
        for name in [name for name in sys.modules if name.split(".")[0] == "spikelet_converters"]:
            del sys.modules[name]
        sys.meta_path.insert(0, _ChangedModule(self))

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Change a function of the module, and restore it at the end."""
        function = _function(sys.modules[self.module], self.function)
        code = function.__code__
        self.apply()
        try:
            yield
        finally:
            function.__code__ = code


class _Change(ast.NodeTransformer):
    """Counts the expressions that can be changed, and changes the one with the given index; None changes none."""

    def __init__(self, index: int | None = None) -> None:
        self.index, self.count = index, 0
        self.nodes: list[ast.expr] = []

    def is_selected(self, node: ast.expr) -> bool:
        self.nodes.append(node)
        self.count += 1
        return self.count - 1 == self.index

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, int | float) and not isinstance(node.value, bool) and self.is_selected(node):
            return ast.copy_location(ast.Constant(node.value + 1), node)
        return node

    def visit_BinOp(self, node: ast.BinOp | ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        if type(node.op) in SWAPPED and self.is_selected(node):
            node.op = SWAPPED[type(node.op)]()
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        return self.visit_BinOp(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if type(node.ops[0]) in SWAPPED and self.is_selected(node):
            node.ops[0] = SWAPPED[type(node.ops[0])]()
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return node.operand if isinstance(node.op, ast.Not | ast.USub) and self.is_selected(node) else node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        if self.is_selected(node):
            node.body, node.orelse = node.orelse, node.body
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if len(node.args) > 1 and not isinstance(node.args[0], ast.Starred) and self.is_selected(node):
            node.args[0], node.args[1] = node.args[1], node.args[0]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Visit the value only: annotations are not evaluated."""
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.args = self.visit(node.args)
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        node.body = [self.visit(statement) for statement in node.body]
        return node


class _ChangedModule(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module with a change."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != self.mutant.module:
            return None
        file = self.mutant.path
        spec = ModuleSpec(name, self, origin=str(file), is_package=file.name == "__init__.py")
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(str(file.parent))
        return spec

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self.mutant.path)
        exec(compile(_changed(self.mutant), str(self.mutant.path), "exec"), module.__dict__)


def module_of(path: Path) -> str:
    """Name of the module of a file."""
    parts = path.relative_to(READERS.parents[1]).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def mutants_of(path: Path) -> list[Mutant]:
    """Return all mutants of a module."""
    tree = ast.parse(path.read_text("utf-8"))
    functions, statements = _functions(tree), _statements(tree)
    change = _Change()
    change.visit(tree)
    result = []
    for index, node in enumerate(change.nodes):
        last = node.end_lineno or node.lineno
        name = next((name for first, end, name in functions if first <= node.lineno and last <= end), "")
        lines = min(
            ((first, end) for first, end in statements if first <= node.lineno and last <= end),
            key=lambda span: span[1] - span[0],
            default=(node.lineno, last),
        )
        text = f"line {node.lineno}, column {node.col_offset}: {ast.unparse(node)[:60]}"
        result.append(Mutant(path, index, lines, text, name))
    return result


def _changed(mutant: Mutant) -> ast.Module:
    tree = _Change(mutant.index).visit(ast.parse(mutant.path.read_text("utf-8")))
    return ast.fix_missing_locations(tree)


def _functions(tree: ast.Module) -> list[tuple[int, int, str]]:
    """Return first and last lines of the bodies of functions and methods, with their qualified names."""

    def of(body: list[ast.stmt], prefix: str) -> Iterator[tuple[int, int, str]]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from of(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef):
                yield node.body[0].lineno, node.end_lineno or 0, f"{prefix}{node.name}"

    return list(of(tree.body, ""))


def _statements(tree: ast.Module) -> list[tuple[int, int]]:
    """Return first and last lines of statements; a compound statement ends before its body."""
    spans = []
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno
            spans.append((node.lineno, last))
    return spans


def _code_of(code: CodeType, name: str) -> CodeType:
    """Return the code object of a function in that of a module."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == name:
                return constant
            if name.startswith(f"{constant.co_qualname}."):
                return _code_of(constant, name)
    raise LookupError(name)


def _function(module: ModuleType, name: str) -> FunctionType:
    """Return a function of a module or class, without its decorators."""
    owner: object = module
    for part in name.split("."):
        owner = owner.__dict__[part] if isinstance(owner, type) else getattr(owner, part)
    while not isinstance(owner, FunctionType):
        if isinstance(owner, property):
            owner = owner.fget
        elif isinstance(owner, functools.cached_property):
            owner = owner.func
        else:
            owner = owner.__wrapped__ if hasattr(owner, "__wrapped__") else owner.__func__  # type: ignore[attr-defined]
    return owner
