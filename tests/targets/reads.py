"""Which keys of a mapping a function reads, told from its source.

An interpreter of Python follows one argument: a value is the set of places in the argument that
it may hold, and the strings that it may be. Calls are followed within the package. What ends up
in a call that cannot be followed, or is stored, counts as handed on, with all that lies below it.
Every branch is taken, so that the result errs on the side of "is read".

It runs in the interpreter that the target's package is installed in, on the standard library.
"""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from targets import sources
from targets.paths import Keys, Reads

ROOT: frozenset[Keys] = frozenset({()})
# These give back what they got, or a fact about it, and hand nothing on.
LOOKS = frozenset(
    {"all", "any", "bool", "copy", "deepcopy", "dict", "enumerate", "frozenset", "isinstance"}
    | {"keys_to_lower", "len", "list", "max", "min", "resolve_references", "reversed", "set"}
    | {"sorted", "sum", "tuple", "type", "zip"}
)
TAKES_KEY = frozenset({"get", "pop", "setdefault"})
PASSES = frozenset({"items", "values", "keys", "copy"})
LONGEST = 8
FEW = 20


@dataclass(frozen=True)
class Value:
    """What an expression may be: places in the argument, strings, things to call.

    A mapping that was made holds those places under keys of its own.
    """

    paths: frozenset[Keys] = frozenset()
    strings: frozenset[str] = frozenset()
    calls: frozenset[Any] = frozenset()
    made: bool = False

    def __or__(self, other: Value) -> Value:
        return Value(
            self.paths | other.paths,
            self.strings | other.strings,
            self.calls | other.calls,
            self.made or other.made,
        )

    def kept(self) -> Value:
        """As the content of a mapping that is made."""
        return replace(self, made=bool(self.paths))


NOTHING = Value()


def joined(values: Iterable[Value]) -> Value:
    """What any of the values may be."""
    found = NOTHING
    for value in values:
        found |= value
    return found


def reads_of(
    function: Callable[..., Any], argument: str, *, attribute: str = "", deepest: int = 14
) -> Reads:
    """What a function reads of one of its arguments, or of an attribute that only it has.

    Args:
        function: Where to begin; calls are followed within its package.
        argument: Name of the argument.
        attribute: Follow what is under this name instead, wherever it is asked for.
        deepest: How many calls deep.
    """
    follower = _Follower(function.__module__.split(".")[0], attribute, deepest)
    follower.call(function, {argument: NOTHING if attribute else Value(paths=ROOT)}, 0)
    return follower.found


class _Follower:
    """Follows calls, each with the same arguments once."""

    def __init__(self, package: str, attribute: str, deepest: int) -> None:
        self.found = Reads()
        self.attribute = attribute
        self.deepest = deepest
        self._package = package
        self._seen: dict[Any, Value] = {}

    def call(self, function: Any, arguments: dict[str, Value], depth: int) -> Value | None:
        """What a call returns, None if it cannot be followed."""
        bare = sources.bare(function)
        if bare is None or depth > self.deepest or bare.__module__.split(".")[0] != self._package:
            return None
        node = sources.tree(bare)
        if node is None:
            return None
        key = (bare, tuple(sorted((n, v.paths, v.strings) for n, v in arguments.items())))
        if key not in self._seen:
            self._seen[key] = NOTHING
            scope = _Scope(self, bare.__globals__, dict(arguments), depth)
            owner = getattr(function, "__self__", None)
            if isinstance(owner, type):
                scope.names[node.args.args[0].arg] = Value(calls=frozenset({owner}))
            scope.run(node.body)
            self._seen[key] = scope.returned
        return self._seen[key]

    def hand_on(self, value: Value) -> None:
        """Count what a value holds as handed on, but for the argument itself."""
        self.found.whole |= value.paths - ROOT


class _Scope:
    """The names of one running function."""

    def __init__(
        self, follower: _Follower, world: dict[str, Any], names: dict[str, Value], depth: int
    ) -> None:
        self.follower = follower
        self.world = world
        self.names = names
        self.depth = depth
        self.returned = NOTHING

    def run(self, body: Iterable[ast.AST]) -> None:
        for node in body:
            STATEMENTS.get(type(node), _Scope.children)(self, node)

    def assign(self, node: Any) -> None:
        value = self.value(node.value) if node.value is not None else NOTHING
        for target in getattr(node, "targets", None) or [node.target]:
            before = self.value(target) if isinstance(node, ast.AugAssign) else NOTHING
            self.bind(target, before | value)

    def loop(self, node: Any) -> None:
        self.bind(node.target, self.value(node.iter))
        self.maybe(node.body, node.orelse)

    def choose(self, node: Any) -> None:
        self.value(node.test)
        self.maybe(node.body, node.orelse)

    def attempt(self, node: Any) -> None:
        self.maybe([*node.body, *node.orelse], *(h.body for h in node.handlers))
        self.run(node.finalbody)

    def give(self, node: Any) -> None:
        if node.value is not None:
            self.returned |= self.value(node.value)

    def define(self, node: Any) -> None:
        self.names[node.name] = Value(calls=frozenset({node}))

    def maybe(self, *blocks: list[ast.stmt]) -> None:
        """Run blocks of which any may be left out: a name holds what it had, or got in one."""
        before = dict(self.names)
        after = dict(before)
        for block in blocks:
            self.names = dict(before)
            self.run(block)
            for name, value in self.names.items():
                after[name] = after.get(name, NOTHING) | value
        self.names = after

    def children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.withitem):
                held = self.value(child.context_expr)
                if child.optional_vars is not None:
                    self.bind(child.optional_vars, held)
            elif isinstance(child, ast.expr):
                self.value(child)
            else:
                self.run([child])

    def bind(self, target: ast.AST, value: Value) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self.bind(part, value)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, value)
        elif isinstance(target, ast.Subscript | ast.Attribute):
            # What is written back into the argument itself is not yet used by anybody.
            if () not in self.value(target.value).paths:
                self.follower.hand_on(value)
            if isinstance(target, ast.Subscript):
                self.follower.hand_on(self.value(target.slice))

    def value(self, node: ast.AST) -> Value:
        return EXPRESSIONS.get(type(node), _Scope.other)(self, node)

    def other(self, node: ast.AST) -> Value:
        parts = [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
        return joined([self.value(part) for part in parts])

    def name(self, node: Any) -> Value:
        return self.names[node.id] if node.id in self.names else self.known(node)

    def constant(self, node: Any) -> Value:
        return Value(strings=frozenset({node.value} if isinstance(node.value, str) else ()))

    def attribute(self, node: Any) -> Value:
        if self.follower.attribute and node.attr == self.follower.attribute:
            return Value(paths=ROOT)
        self.value(node.value)
        return self.known(node)

    def subscript(self, node: Any) -> Value:
        return self.at(self.value(node.value), self.value(node.slice))

    def assigned(self, node: Any) -> Value:
        value = self.value(node.value)
        self.bind(node.target, value)
        return value

    def function(self, node: Any) -> Value:
        return self.value(node.body)

    def mapping(self, node: Any) -> Value:
        return self.other(node).kept()

    def text(self, node: Any) -> Value:
        """What an f-string may be, where few strings are possible."""
        made = [""]
        for part in node.values:
            value = self.value(part.value if isinstance(part, ast.FormattedValue) else part)
            self.follower.hand_on(value)
            made = [start + end for start in made for end in sorted(value.strings)[:FEW]]
        return Value(strings=frozenset(made[:FEW]))

    def compared(self, node: Any) -> Value:
        left = self.value(node.left)
        for operator, right in zip(node.ops, node.comparators, strict=True):
            value = self.value(right)
            if isinstance(operator, ast.In | ast.NotIn):
                self.at(value, left)
        return NOTHING

    def comprehended(self, node: Any) -> Value:
        for part in node.generators:
            self.bind(part.target, self.value(part.iter))
            for condition in part.ifs:
                self.value(condition)
        if isinstance(node, ast.DictComp):
            return (self.value(node.key) | self.value(node.value)).kept()
        return self.value(node.elt)

    def at(self, held: Value, key: Value) -> Value:
        """What lies under a key; under an unknown one, an element, or all of it."""
        if not held.paths:
            return Value(strings=held.strings)
        if not key.strings or held.made:
            return Value(paths=held.paths)
        paths = frozenset((*p, s) for p in held.paths for s in key.strings if len(p) < LONGEST)
        self.follower.found.read |= paths
        return Value(paths=paths)

    def called(self, node: Any) -> Value:
        given = [self.value(a) for a in node.args]
        named = [(k.arg, self.value(k.value)) for k in node.keywords]
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        asked = self.asked(node.func, name, given)
        if asked is not None:
            return asked
        every = [*given, *(v for _, v in named)]
        if self.picked(every):
            return NOTHING
        function = self.value(node.func)
        local = any(isinstance(called, ast.FunctionDef) for called in function.calls)
        known = name not in LOOKS and (self.follower.attribute or any(v.paths for v in every))
        if local or known:
            returned = self.followed(function, node, given, named)
            if returned is not None:
                return returned
        for value in every if name not in LOOKS else ():
            self.follower.hand_on(value)
        for value in (v for k, v in named if k is None and not v.made):
            # call(**argument) hands on all of it.
            self.follower.found.whole |= value.paths
        return replace(joined(every), calls=frozenset())

    def asked(self, function: ast.AST, name: str, given: list[Value]) -> Value | None:
        """What a method of a mapping answers: held.get(key), held.items()."""
        if not isinstance(function, ast.Attribute):
            return None
        held = self.value(function.value)
        if held.paths and name in TAKES_KEY:
            return self.at(held, given[0] if given else NOTHING) | joined(given[1:])
        if name in PASSES and (held.paths or held.strings):
            return replace(held, calls=frozenset())
        return None

    def picked(self, given: list[Value]) -> bool:
        """Whether this is select(argument, ["A", "B"]), by whatever name: it hands those on."""
        lists = [v for v in given if len(v.strings) > 1 and not v.paths]
        if not lists or not any(() in v.paths for v in given):
            return False
        self.follower.hand_on(self.at(Value(paths=ROOT), lists[0]))
        return True

    def followed(
        self, function: Value, node: Any, given: list[Value], named: list[tuple[str | None, Value]]
    ) -> Value | None:
        results = []
        keywords = {k: v for k, v in named if k}
        starred = any(isinstance(a, ast.Starred) for a in node.args)
        for called in function.calls:
            if isinstance(called, ast.FunctionDef):
                names = [a.arg for a in called.args.args]
                arguments = {**dict(zip(names, given, strict=False)), **keywords}
                results.append(self.inner(called, arguments))
                continue
            names = [] if starred else sources.parameters(called)
            arguments = {**dict(zip(names, given, strict=False)), **keywords}
            results.append(self.follower.call(called, arguments, self.depth + 1))
        found = [result for result in results if result is not None]
        return joined(found) if found else None

    def inner(self, called: ast.FunctionDef, arguments: dict[str, Value]) -> Value | None:
        """A function that is defined in this one, and sees its names."""
        if self.depth >= self.follower.deepest:
            return None
        names = {**self.names, **arguments}
        scope = _Scope(self.follower, self.world, names, self.depth + 1)
        scope.run(called.body)
        return scope.returned

    def known(self, node: ast.AST) -> Value:
        """What a name of the module, or of one that it imports, stands for."""
        thing = self.resolved(node)
        if callable(thing):
            return Value(calls=frozenset({thing}))
        return Value(strings=frozenset(sources.strings(thing)))

    def resolved(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Name):
            if node.id in self.names:
                return next((c for c in self.names[node.id].calls if isinstance(c, type)), None)
            return self.world.get(node.id)
        owner = self.resolved(node.value) if isinstance(node, ast.Attribute) else None
        if isinstance(node, ast.Attribute) and isinstance(owner, type):
            found = inspect.getattr_static(owner, node.attr, None)
            plain = isinstance(found, types.FunctionType)
            return types.MethodType(found, owner) if plain else found
        if isinstance(node, ast.Attribute) and isinstance(owner, types.ModuleType):
            return getattr(owner, node.attr, None)
        return None


STATEMENTS: dict[type[ast.AST], Callable[[_Scope, Any], None]] = {
    ast.Assign: _Scope.assign,
    ast.AnnAssign: _Scope.assign,
    ast.AugAssign: _Scope.assign,
    ast.For: _Scope.loop,
    ast.If: _Scope.choose,
    ast.While: _Scope.choose,
    ast.Try: _Scope.attempt,
    ast.Return: _Scope.give,
    ast.FunctionDef: _Scope.define,
}
EXPRESSIONS: dict[type[ast.AST], Callable[[_Scope, Any], Value]] = {
    ast.Name: _Scope.name,
    ast.Constant: _Scope.constant,
    ast.Attribute: _Scope.attribute,
    ast.Subscript: _Scope.subscript,
    ast.Compare: _Scope.compared,
    ast.Call: _Scope.called,
    ast.NamedExpr: _Scope.assigned,
    ast.Lambda: _Scope.function,
    ast.JoinedStr: _Scope.text,
    ast.Dict: _Scope.mapping,
    ast.ListComp: _Scope.comprehended,
    ast.SetComp: _Scope.comprehended,
    ast.GeneratorExp: _Scope.comprehended,
    ast.DictComp: _Scope.comprehended,
}
