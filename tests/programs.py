"""Programs with annotations in them, as hypothesis writes them, and what each is to mean.

Filling the holes of a program by hand gives what the compiled one is to be like; `traces.execute`
runs both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from hypothesis import strategies as st

import vocabulary as words
from nni_annotate.domains import identity
from pieces import Hole, Note, Piece, Program, source_of

_T = TypeVar("_T")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class _Type:
    """A type as an annotation spells it on one line, and its values with the code of each."""

    name: str
    text: str
    values: tuple[tuple[Any, str], ...]
    is_nested: bool = False


@dataclass(frozen=True)
class _Scope:
    """Where a block stands: what its statements may be."""

    indent: str = ""
    depth: int = 0
    is_function: bool = False
    is_async: bool = False
    is_method: bool = False
    is_class: bool = False
    declares: str = ""  # global or nonlocal

    @property
    def codes(self) -> Sequence[str]:
        """Options that mean something only here."""
        method = words.METHOD_CODES if self.is_method else []
        return [*method, *(words.ASYNC_CODES if self.is_async else [])]


@st.composite
def programs(draw: st.DrawFn, *, has_layers: bool = True, has_calls: bool = True) -> Program:
    """Programs of nested blocks with annotations of all kinds in all of them."""
    writer = _Writer(draw, has_layers=has_layers)
    writer.head(has_calls=has_calls)
    writer.block(_Scope())
    program = writer.program
    program.newlines = writer.pick([("\n",), ("\n",), ("\r\n",), ("\r",), ("\r\n", "\n")])
    last = program.pieces[-1]
    if isinstance(last, str) and writer.one_in(4):
        program.pieces[-1] = last.rstrip("\n")
    return program


class _Writer:
    def __init__(self, draw: st.DrawFn, *, has_layers: bool) -> None:
        self.program = Program()
        self._draw = draw
        self._has_layers = has_layers
        self._types: dict[str, _Type] = {}
        self._is_fresh = True  # a string would be the docstring
        self._number = 0
        self._call = ""  # how nni's functions are called in code

    def pick(self, options: Sequence[_T]) -> _T:
        """One of these."""
        return self._draw(st.sampled_from(options))

    def one_in(self, number: int) -> bool:
        """True once in a number of times."""
        return self.pick([False] * (number - 1) + [True])

    def head(self, *, has_calls: bool) -> None:
        """What stands before the first block of the file."""
        program = self.program
        if self.one_in(4):
            self._add("#!/usr/bin/env python\n")
        if self.one_in(4):
            self._add("# -*- coding: latin-1 -*-\n")
            program.encoding = "latin-1"
        elif self.one_in(4):
            program.bom = _BOM
        if self.one_in(3):
            self._add('"""The docstring."""\n')
            self._is_fresh = False
        if self.one_in(4):
            self._add("from __future__ import annotations\n")
            self._is_fresh = False
        if has_calls and self.one_in(3):
            text, self._call = self.pick(words.IMPORTS)
            self._add(f"{text}\n")
            self._is_fresh = False
            program.has_calls = True
        elif self.one_in(3):
            self._add("nni = seen('nni')\n")
            self._is_fresh = False

    def block(self, scope: _Scope) -> None:
        """Statements at one indentation."""
        is_scope = scope.is_function or scope.is_class or not scope.depth
        if is_scope and self._is_fresh:
            self._docstring(scope)
        if is_scope and scope.declares:
            self._line(scope, f"{scope.declares} x, y")
        elif is_scope:
            self._line(scope, "x = y = 0")
        for _ in range(self._draw(st.integers(1, 3))):
            self._any(scope)
        if scope.is_function and self.one_in(4):
            self._expression(scope, self.pick(words.RETURNS))
        self._line(scope, self.pick(["pass", "show(x, y)", "show(box.a, store.get('k'))"]))

    def _docstring(self, scope: _Scope) -> None:
        kind = self.pick(["", "", "prose", "note", "comment"])
        if kind == "comment":  # a docstring is one though a comment stands before it
            self._line(scope, Note("# @nni.training_update(1)"))
        if kind in ("prose", "comment"):
            self._line(scope, "'''A docstring.'''")
        elif kind == "note":
            self._report(scope)
        self._is_fresh = False

    def _any(self, scope: _Scope) -> None:
        """One statement, or some that belong together."""
        if self.one_in(12):
            self._add("\f")
        if self.one_in(12) and not scope.indent:
            self._add("\\\n")
        kinds = [self._assignment, self._assignment, self._named, self._choice, self._choice]
        kinds += [self._report, self._filler]
        kinds += [self._compound, self._compound] if scope.depth < 3 else []
        kinds += [self._layers] if self._has_layers else []
        kinds += [self._code_call] if self._call else []
        self.pick(kinds)(scope)

    def _add(self, *pieces: Piece) -> None:
        self.program.pieces += [piece for piece in pieces if piece != ""]

    def _line(self, scope: _Scope, *pieces: Piece) -> None:
        self._add(scope.indent, *pieces, "\n")

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _lines(self) -> int:
        return sum(source_of(piece).count("\n") for piece in self.program.pieces)

    # Statements

    def _filler(self, scope: _Scope) -> None:
        text = self.pick(words.FILLERS)
        self._add(text if not text.strip() else scope.indent + text, "\n")

    def _report(self, scope: _Scope) -> None:
        """A report, an annotation without effect, on a line of its own or with others."""
        value = self.pick([v for v in words.REPORTED if "x" not in v or not self._is_fresh])
        kind = self.pick(["intermediate", "final", "", "update"])
        name = f"report_{kind}_result" if kind not in ("", "update") else "get_next_parameter"
        name = "training_update" if kind == "update" else name
        text = self._text(name, [value] if name != "get_next_parameter" else [])
        meaning = f"report({kind!r}, {value})" if name.startswith("report") else ""
        meaning = "0" if name == "get_next_parameter" else meaning
        is_comment = "\n" not in text and not self._is_fresh and self.one_in(3)
        if is_comment:
            self._line(scope, Note(f"# {text.lstrip()}", meaning))
            return
        note = Note(self._quoted(text), meaning, self._is_fresh)
        layouts: list[list[Piece]] = [[note], [note, "; seen(0)"], [note, "  # why"]]
        if not self._is_fresh:
            layouts += [["pass ; ", note], ["show(1);", note, ";show(2)"], ["pass; \\\n", note]]
            layouts += [["if x: ", note], ["if 1: ", note, "; pass"]]
        self._line(scope, *self.pick(layouts))
        self._is_fresh = False

    def _layers(self, scope: _Scope) -> None:
        choices, labels = self.pick(words.LAYERS)
        size = self.pick([0, 1, 2])
        layer = (
            f"{{layer_choice: {choices}, fixed_inputs: [seen(1)], optional_inputs: [x, seen(2)], "
            f"optional_input_size: {size}, layer_output: y}}"
        )
        text = f"@nni.mutable_layers({layer})"
        is_comment = self.one_in(3)
        literal = f"# {text}" if is_comment else self._quoted(text, lines=self.one_in(2))
        line = self._lines() + literal.count("\n") + 1
        inputs = ["x", "seen(2)"]
        taken = self.pick([list(pair) for pair in ([], inputs[:1], inputs[1:], inputs)
                           if len(pair) == size])  # fmt: skip
        label = self.pick(labels)
        values = ({"mutable_layer_0": {"chosen_layer": label, "chosen_inputs": taken}},)
        key = f"m/mutable_block_{line}"
        self.program.parameters[key] = values
        hole = Hole(literal, key, (_layer(label, taken),), _layer(labels[0], inputs[:size]), False)
        self._line(scope, hole, "" if is_comment else self.pick(["", "; pass", " # why"]))
        self._line(scope, "show(y)")
        self._is_fresh = False

    def _assignment(self, scope: _Scope) -> None:
        """An assignment with one annotation, or with several."""
        is_tuple = self.one_in(6)
        name, said, template = self.pick(words.UNPACKINGS if is_tuple else words.ASSIGNMENTS)
        if scope.declares and "x:" in template.replace(" ", ""):
            name, said, template = words.ASSIGNMENTS[0]
        own = self.pick(words.OWN_TUPLES if is_tuple else words.OWN_VALUES)
        if not is_tuple and self.one_in(4):
            own = "await wait(0)" if scope.is_async else "yield" if scope.is_function else own
        if own == "yield":
            self._line(scope, "if 0: yield")  # it is a generator with another value, too
        if is_tuple:
            pairs = ["(3, 4)", "seen((5, 6))", "[seen(7), 8]"]
            type_ = _choice([(label, label, code) for label in pairs for code in [label]])
        else:
            name, said, template, type_ = self._typed(scope, name, said, template)
        hole = self._hole(f"m/{name}/{type_.name}", own, type_)
        statement = _filled(template, lambda: hole)
        is_only = template.count("=") == 1 and ";" not in template
        note = self._variable(type_, None if is_only and self.one_in(2) else said)
        if "#" not in template and ";" not in template and self.one_in(4):
            comment = f"  # @nni.variable({type_.text}{f', name={said}' if not is_only else ''})"
            if not is_tuple or is_only:
                self._line(scope, *statement, Note(comment))
                return
        self._annotated(scope, [note], statement)
        self._line(scope, f"show({name.strip('()')})" if "*" not in name else "show(x, y)")

    def _typed(
        self, scope: _Scope, name: str, said: str, template: str
    ) -> tuple[str, str, str, _Type]:
        """The type of a name; a name of its own where its options mean something only here."""
        if scope.codes and self.one_in(2):
            name = f"v{self._next()}"
            codes = [*scope.codes, "seen('v')"]
            type_ = _choice([(label, label, label) for label in self._several(codes)])
            return name, name, f"{name} = HOLE", type_
        known = self._types.get(name)
        if known is None:
            known = self._types[name] = self._type(depth=1)
        return name, said, template, known

    def _named(self, scope: _Scope) -> None:
        """A value that a statement names elsewhere; a second one with another name may follow."""
        name, said, template = self.pick(words.NAMED)
        type_ = self._types.setdefault(name, self._type(depth=1))
        own = self.pick([own for own in words.OWN_VALUES if ":=" not in own])
        hole = self._hole(f"m/{name}/{type_.name}", own, type_)
        notes = [self._variable(type_, said)]
        pieces = _filled(template, lambda: hole)
        if template.startswith("x = show(") and self.one_in(2):
            first = f"c{self._next()}"
            calls = ("show(1)", "seen(40)")
            inner = Hole("show( 1)", f"m/{first}/function_choice", calls)
            self.program.parameters[inner.key] = calls
            pieces = [*pieces[:-1], ", show(2, ", inner, "))"]
            pieces = ["x = show(1, lr = ", hole, ", other=show(2, ", inner, "))"]
            notes.append(self._text("function_choice", [*calls, f"name={first}"]))
        self._annotated(scope, notes, pieces)

    def _choice(self, scope: _Scope) -> None:
        """Calls to choose from, in an expression of some statement."""
        name = f"{self.pick(['c', 'a.b'])}{self._next()}"
        key = f"m/{name}/function_choice"
        expression: list[Piece]
        if self.one_in(8):
            calls = self.pick(words.STRING_CALLS)
            own = self.pick(calls)
            expression = _filled(self.pick(words.STRINGS), lambda: Hole(own, key, calls))
        elif self.one_in(16):
            calls = self.pick(words.STRING_CALLS)
            string = self.pick(words.SHOWN)
            codes = tuple(string.replace("CALL", call) for call in calls)
            own = self.pick(codes)
            expression = [Hole(own, key, codes)]
        else:
            calls = self.pick([*words.CALLS, *(words.ASYNC_CALLS if scope.is_async else [])])
            hole = self._original(key, calls)
            is_awaited = any("await" in call for call in calls)
            frames = words.EXPRESSIONS + (words.SCOPES[:1] if is_awaited else words.SCOPES)
            if self.one_in(4):
                frames = words.TIGHT
                hole = lambda: Hole(f"({self.pick(calls)})", key, calls)  # noqa: E731
            expression = _filled(self.pick(frames), hole)
        self.program.parameters[key] = calls
        note = self._text("function_choice", [*calls, f"name={name}"])
        self._around(scope, [note], expression)

    def _original(self, key: str, calls: tuple[str, ...]) -> Callable[[], Hole]:
        def hole() -> Hole:
            own = self.pick(calls)
            variants = [own, f"({own})", f"( {own}\n)", own.replace("(", "( ", 1)]
            return Hole(self.pick(variants[: 3 if own[0] == "f" else 4]), key, calls)

        return hole

    def _expression(self, scope: _Scope, template: str) -> None:
        calls = words.CALLS[0]
        name = f"c{self._next()}"
        key = f"m/{name}/function_choice"
        self.program.parameters[key] = calls
        before, after = template.split("{e}")
        note = self._text("function_choice", [*calls, f"name={name}"])
        hole = self._original(key, calls)()
        if template == "return{e}":
            hole = replace(hole, source=f"({hole.source})")
        self._annotated(scope, [note], [before, hole, after])

    def _around(self, scope: _Scope, notes: list[str], expression: list[Piece]) -> None:
        """A statement, or a compound one's header, around an expression."""
        if scope.depth < 3 and self.one_in(3):
            header, after = self.pick(words.HEADERS)
            self._headed(scope, notes, header, after, expression)
            return
        before, after = self.pick(words.STATEMENTS).split("{e}")
        is_compound = before.startswith("for ")
        self._annotated(scope, notes, [before, *expression, after], is_compound=is_compound)

    def _code_call(self, scope: _Scope) -> None:
        """A call of a function of nni's."""
        function, arguments, codes, values = self.pick(words.CODE_CALLS)
        name = f"k{self._next()}"
        said = arguments.replace("{k}", name)
        key = f"m/{name}/{function}"
        is_unnamed = self.one_in(4) and "\n" not in said
        if is_unnamed:
            said = re.sub(r",\s*name.*", "", said)
        source = f"{self._call.replace('{f}', function)}( {said})"
        if is_unnamed:
            key = f"m/__line{self._lines() + 1}/{function}"
        self.program.parameters[key] = values
        hole = Hole(source, key, codes, is_written=False)
        frame = "HOLE" if is_unnamed else self.pick(words.EXPRESSIONS)
        if not is_unnamed and self.one_in(3):
            frame, hole = self.pick(words.TIGHT), replace(hole, source=f"({source}\n)")
        self._around(scope, [], _filled(frame, lambda: hole))

    def _compound(self, scope: _Scope) -> None:
        """A block of its own, annotated or not."""
        kind = self.one_in(2)
        if kind:
            headers = words.NAMED_HEADERS + (words.ASYNC_HEADERS if scope.is_async else [])
            header, after = self.pick(headers)
            type_ = self._types.setdefault("lr", self._type(depth=1))
            own = self.pick([own for own in words.OWN_VALUES if ":=" not in own])
            hole = self._hole(f"m/lr/{type_.name}", own, type_)
            note = self._variable(type_, "lr")
            self._headed(scope, [note], header, after, [hole], mark="HOLE")
            return
        methods = words.METHOD_HEADERS * 2 if scope.is_class else []
        header, others, after = self.pick([*words.PLAIN_HEADERS, *methods])
        self._headed(scope, [], header, after, [], others=others)

    def _headed(
        self,
        scope: _Scope,
        notes: list[str],
        header: str,
        after: str,
        inside: list[Piece],
        *,
        mark: str = "{e}",
        others: Sequence[str] = (),
    ) -> None:
        number, step = self._next(), self.pick(["    ", " ", "\t"])

        def told(text: str) -> str:
            text = text.replace("{n}", str(number)).replace("{step}", step)
            return text.replace("{indent}", scope.indent)

        pieces: list[Piece] = [told(header)]
        if inside:
            before, rest = told(header).split(mark)
            pieces = [before, *inside, rest]
        self._annotated(scope, notes, pieces, is_compound=True)
        deeper = 2 if "match" in header else 1
        is_function, is_class = "def " in header, "class " in header
        inner = replace(scope, indent=scope.indent + step * deeper, depth=scope.depth + 1)
        if is_function or is_class:
            inner = replace(
                inner,
                is_function=is_function,
                is_class=is_class,
                is_async="async def" in header,
                is_method="def m" in header,
                declares=self._declares(scope) if is_function else "",
            )
        self._body(inner, is_scope=is_function or is_class)
        for other in others:
            self._line(scope, told(other))
            self._body(inner, is_scope=False)
        self._is_fresh = False
        if after:
            self._line(scope, told(after))

    def _declares(self, around: _Scope) -> str:
        known = ["", "", "", "global"]
        if around.is_function and around.declares != "global":
            known += ["nonlocal", "nonlocal"]
        return self.pick(known)

    def _body(self, scope: _Scope, *, is_scope: bool) -> None:
        self._is_fresh = is_scope
        if is_scope:
            self.block(scope)
            return
        for _ in range(self._draw(st.integers(1, 2))):
            self._any(scope)
        self._line(scope, "pass")

    # Annotations

    def _annotated(
        self,
        scope: _Scope,
        notes: Sequence[str],
        statement: Sequence[Piece],
        *,
        is_compound: bool = False,
    ) -> None:
        """A statement with the annotations before it, each in one of the ways to write it."""
        self._add(scope.indent)
        between = "\n"
        for text in notes:
            if "\n" not in text and between.endswith("\n") and self.one_in(4):
                self._add(Note(f"# {text.strip()}"), "\n", scope.indent)
                continue
            self._add(Note(self._quoted(text)))
            if is_compound or self.one_in(2):
                between = self.pick(["\n", "  # why\n", ";\n", "\n\n"])
            else:
                between = self.pick(["; ", ";", " ; \\\n "])
            self._add(between, scope.indent if between.endswith("\n") else "")
        self._add(*statement, "\n")
        self._is_fresh = False

    def _variable(self, type_: _Type, name: str | None) -> str:
        named = [f"name={name}"] if name is not None else []
        return self._text("variable", [type_.text, *named])

    def _text(self, kind: str, arguments: Sequence[str]) -> str:
        """The text of an annotation, on one line or on several."""
        begin, comma, end = self.pick(
            [
                ("(", ", ", ")"),
                ("(", ", ", ")"),
                ("( ", " ,", " )"),
                ("(\n    ", ",\n    ", "\n)"),
                (" (", ", # why\n ", ")"),
            ]
        )
        if arguments and self.one_in(4):
            end = f",{end}"
        before, after = self.pick([("", ""), ("", ""), ("", ""), ("\n  ", "\n"), (" ", "  ")])
        return f"{before}@nni.{kind}{begin}{comma.join(arguments)}{end}{after}"

    def _quoted(self, text: str, *, lines: bool = True) -> str:
        """A string literal for the text."""
        forms = ["plain", "plain", "plain", "brackets", "joined", "joined_lines"]
        form = self.pick(forms if lines else forms[:3])
        if form == "brackets":
            begin, end = self.pick([("(", ")"), ("( # why\n", "\n )"), ("((", ") )")])
            return f"{begin}{self._literal(text)}{end}"
        if form in ("joined", "joined_lines"):
            place = self._draw(st.integers(1, len(text) - 1))
            parts = self._literal(text[:place]), self._literal(text[place:])
            if form == "joined":
                return self.pick([" ", "", "\\\n"]).join(parts)
            return "(" + self.pick(["\n", " # why\n  "]).join(parts) + ")"
        return self._literal(text)

    def _literal(self, text: str) -> str:
        forms = [repr(text)]
        for quote in ('"""', "'''"):
            if quote not in text and text[-1:] != quote[0] and "\\" not in text:
                forms += [f"{p}{quote}{text}{quote}" for p in ("", "", "r", "R", "u")]
        for quote in ('"', "'"):
            if quote not in text and "\n" not in text and "\\" not in text:
                forms += [f"{p}{quote}{text}{quote}" for p in ("", "r", "U")]
        return self.pick(forms)

    # Types

    def _hole(self, key: str, own: str, type_: _Type) -> Hole:
        self.program.parameters[key] = tuple(value for value, _ in type_.values)
        return Hole(own, key, tuple(code for _, code in type_.values))

    def _type(self, depth: int) -> _Type:
        if self.one_in(4):
            name, arguments, values = self.pick(words.NUMBERS)
            numbers = tuple((value, repr(value)) for value in values)
            return _Type(name, f"nni.{name}({arguments})", numbers)
        known: list[tuple[str, Any, str]] = [(text, label, text) for text, label in words.LITERALS]
        if self.one_in(2):
            known += [(text, text, text) for text in words.CODES]
        options = self._several(known)
        nested = [self._type(depth - 1)] if depth and self.one_in(4) else []
        return _choice(options, nested)

    def _several(self, options: Sequence[_T]) -> list[_T]:
        count = st.lists(st.sampled_from(options), min_size=1, max_size=4, unique_by=str)
        return self._draw(count)


def _choice(options: Sequence[tuple[str, Any, str]], nested: Sequence[_Type] = ()) -> _Type:
    """A choice between options, each its text, its label and its code, and types."""
    texts = [*(text for text, _, _ in options), *(type_.text for type_ in nested)]
    whole = f"nni.choice({', '.join(texts)})"
    if not nested:
        known = {identity(label): (label, code) for _, label, code in options}
        return _Type("choice", whole, tuple(known.values()))
    values: list[tuple[Any, str]] = [({"_name": text}, code) for text, _, code in options]
    for type_ in nested:
        values += [({"_name": type_.text, type_.text: v}, code) for v, code in type_.values]
    return _Type("choice", whole, tuple(values), is_nested=True)


def _filled(template: str, hole: Callable[[], Hole]) -> list[Piece]:
    first, *others = template.split("HOLE")
    pieces: list[Piece] = [first]
    for other in others:
        pieces += hole(), other
    return pieces


def _layer(label: str, inputs: Sequence[str]) -> str:
    name, arguments = label[:-1].split("(")
    return f"y = {name}([[seen(1)], [{', '.join(inputs)}]]{', ' if arguments else ''}{arguments})"
