"""Annotations put into real code: what is put where, and what a compiled file is to be without."""

from __future__ import annotations

import ast
import keyword
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nni_annotate.source import read_source
from nni_annotate.trial_api import TRIAL_API
from undoing import BODIES

NEWLINE = re.compile(r"\r\n|\r|\n")
_TYPES = {
    "choice": "{own}-1, 'other value', -31.5",
    "uniform": "0, 1",
    "loguniform": "low=1e-4, high=1",
    "quniform": "0, 8, 2",
    "randint": "7",
    "normal": "0, 1",
    "qnormal": "0, 1, 0.5",
    "lognormal": "0, 2 ** 3",
    "qlognormal": "0, 1, 1",
    "qloguniform": "1, 100, 1",
}
_TAKEN = ("-1", "-31.5", "'other value'")  # the options of the choice
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


@dataclass
class Injected:
    """A file with annotations; the lines that compiling may change, and how many there are."""

    content: bytes
    changing: set[int] = field(default_factory=set)
    notes: int = 0


def inject(content: bytes, chance: random.Random, most: int = 25) -> Injected:
    """Puts annotations before some of a file's statements, and at the ends of some lines."""
    return _Injector(content, chance, most).injected()


def is_suitable(content: bytes) -> bool:
    """Whether this Python takes a file, and nothing in it is an annotation already."""
    if b"@nni." in content or TRIAL_API.encode() in content:
        return False
    try:
        compile(content, "m.py", "exec", dont_inherit=True)
        read_source(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


@dataclass(frozen=True)
class _Statement:
    node: ast.stmt
    first: int  # lines, counted from 0
    last: int
    is_first_in_scope: bool
    is_before_docstring: bool


class _Injector:
    def __init__(self, content: bytes, chance: random.Random, most: int) -> None:
        self._chance = chance
        self._most = most
        self._source = read_source(content)
        self._tree = ast.parse(content)
        text = self._source.text
        ends = [0, *(match.end() for match in NEWLINE.finditer(text))]
        self._lines = [text[a:b] for a, b in zip(ends, [*ends[1:], len(text)], strict=True)]
        self._used: set[tuple[str, str]] = set()
        self._before: dict[int, list[str]] = {}
        self._after: dict[int, str] = {}
        self._changing: dict[int, int] = {}
        self._calling: set[int] = set()

    def injected(self) -> Injected:
        """The file with its annotations."""
        statements = list(self._statements(self._tree))
        for statement in self._chance.sample(statements, min(self._most, len(statements))):
            self._annotate(statement)
        return self._written()

    def _written(self) -> Injected:
        lines: list[str] = []
        result = Injected(b"")
        end = next((NEWLINE.search(line) for line in self._lines if NEWLINE.search(line)), None)
        newline = end.group() if end else "\n"
        for number, line in enumerate(self._lines):
            before = self._before.get(number, [])
            for text in before:
                for part in text.split("\n"):
                    lines.append(part + newline)
                    if "@nni.report" in text:
                        result.changing.add(len(lines))
            body = NEWLINE.sub("", line)
            lines.append(body + self._after.get(number, "") + line[len(body) :])
            if number in self._changing:
                span = self._changing[number] - number
                result.changing |= set(range(len(lines), len(lines) + span + 1))
            result.notes += len(before) + (number in self._after)
        result.content = self._source.to_bytes("".join(lines))
        return result

    def _statements(self, tree: ast.AST) -> Iterator[_Statement]:
        """The statements that begin a line and share their lines with no other."""
        for node in ast.walk(tree):
            for name in BODIES:
                body = getattr(node, name, None)
                if not isinstance(body, list) or not body or not isinstance(body[0], ast.stmt):
                    continue
                is_scope = isinstance(node, (ast.Module, *_Scope.__args__)) and name == "body"
                for index, line in enumerate(body):
                    found = self._statement(line, body, index, is_scope=is_scope)
                    if found is not None:
                        yield found

    def _statement(
        self, node: ast.stmt, body: Sequence[ast.stmt], index: int, *, is_scope: bool
    ) -> _Statement | None:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(each.lineno for each in decorators)]) - 1
        assert node.end_lineno is not None
        last = node.end_lineno - 1
        inner = [part[0] for name in BODIES if (part := getattr(node, name, None))]
        if inner and (head := getattr(inner[0], "lineno", None) or inner[0].pattern.lineno):
            last = max(head - 2, first)
        line = self._lines[first]
        column = len(line) - len(line.lstrip(" \t\f"))
        start = column if decorators else self._place(node.lineno, node.col_offset)[1]
        joined = first > 0 and NEWLINE.sub("", self._lines[first - 1]).endswith("\\")
        shared = any(
            other.lineno - 1 <= last and (other.end_lineno or 0) - 1 >= first
            for other in (*body[max(index - 1, 0) : index], *body[index + 1 : index + 2])
        )
        is_elif = isinstance(node, ast.If) and line.startswith("elif", column)
        if column != start or joined or shared or is_elif or "\f" in line[:column]:
            return None
        has_docstring = is_scope and isinstance(node, ast.Expr) and index == 0
        return _Statement(node, first, last, is_scope and index == 0, has_docstring)

    def _annotate(self, statement: _Statement) -> None:
        node, first = statement.node, statement.first
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return
        ways = [self._assignment, self._named, self._call, self._call, self._report]
        texts: list[str] = []
        for way in self._chance.sample(ways, 2):
            text = way(statement)
            if text is not None and (not texts or "@nni.report" not in text):
                texts.append(text)
            if text is not None and "@nni.report" in text:
                break
        if not texts:
            return
        line = self._lines[first]
        indent = line[: len(line) - len(line.lstrip(" \t\f"))]
        is_last = [text for text in texts if text.startswith("#!")]  # at the end of the line
        for text in is_last:
            self._after[first] = "  #" + text[2:]
            texts.remove(text)
        may_comment = not statement.is_before_docstring
        written = [indent + self._form(text, may_comment=may_comment) for text in texts]
        if written:
            self._before[first] = written
        if any("@nni.report" not in text for text in texts) or is_last:
            self._changing[first] = statement.last

    def _form(self, text: str, *, may_comment: bool) -> str:
        forms = [repr(text)]
        if "\\" not in text and '"""' not in text and not text.endswith('"'):
            forms += [f'"""{text}"""', f'("""{text}""")', f'r"""{text}"""']
        if "\n" not in text and may_comment:
            forms += [f"# {text}", f"# {text}"]
        return self._chance.choice(forms)

    # What an annotation may say; None where there is nothing for it to say

    def _report(self, statement: _Statement) -> str | None:
        if self._is_before_future(statement):
            return None
        return self._chance.choice(
            ["@nni.report_intermediate_result(1)", "@nni.report_final_result({\n'default': 2})"]
        )

    def _assignment(self, statement: _Statement) -> str | None:
        node = statement.node
        if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
            return None
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        target = self._chance.choice(targets)
        name = self._text(target)
        name = f"({name})" if isinstance(target, ast.Tuple) else name
        if "\n" in name or any(isinstance(part, ast.NamedExpr) for part in ast.walk(target)):
            return None
        type_ = self._type(ast.unparse(target), node.value)
        if type_ is None:
            return None
        may_omit = len(targets) == 1 and self._chance.random() < 0.5
        text = f"@nni.variable({type_}{'' if may_omit else f', name={name}'})"
        line = NEWLINE.sub("", self._lines[statement.first])
        fits = statement.first == statement.last and not line.endswith((" ", "\t", "\f", "\\", ";"))
        if fits and "#" not in line and "\n" not in text and self._chance.random() < 0.3:
            return f"#! {text}"
        return text

    def _named(self, statement: _Statement) -> str | None:
        places: dict[str, list[ast.expr | None]] = {}
        for node in _header(statement.node):
            for name, value in _values(node):
                places.setdefault(name, []).append(value)
        node = statement.node
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        bound = {each.id for each in targets if isinstance(each, ast.Name)}
        in_strings = {
            name
            for part in _header(statement.node)
            if isinstance(part, ast.JoinedStr)
            for inner in ast.walk(part)
            for name, _ in _values(inner)
        }
        good = [
            (name, values[0])
            for name, values in places.items()
            if len(values) == 1
            and values[0] is not None
            and name.isidentifier()
            and not keyword.iskeyword(name)
            and name not in bound | in_strings
        ]
        if not good:
            return None
        name, value = self._chance.choice(good)
        type_ = self._type(name, value)
        return None if type_ is None else f"@nni.variable({type_}, name={name})"

    def _call(self, statement: _Statement) -> str | None:
        counts: Counter[str] = Counter()
        calls: list[ast.Call] = []
        for node in _header(statement.node):
            if isinstance(node, ast.JoinedStr):
                counts.update(ast.dump(part) for part in ast.walk(node))
            if isinstance(node, ast.Call) and self._may_be_option(node):
                calls.append(node)
        calls = [call for call in calls if not counts[ast.dump(call)]]
        if not calls:
            return None
        call = self._chance.choice(calls)
        name = ast.unparse(call.func) if _is_dotted(call.func) else "function"
        if (name, "function") in self._used or "nni" in name:
            return None
        self._used.add((name, "function"))
        options = [self._text(call), "other_function(1)"]
        self._chance.shuffle(options)
        return f"@nni.function_choice({', '.join(options)}, name={name})"

    def _type(self, name: str, value: ast.expr) -> str | None:
        free = [kind for kind in _TYPES if (name, kind) not in self._used]
        if not free:
            return None
        kind = self._chance.choice([*free, *(["choice"] * 4 if "choice" in free else [])])
        self._used.add((name, kind))
        has_own = self._may_be_option(value) and self._chance.random() < 0.5
        own = f"({self._text(value)}), " if has_own else ""
        return f"nni.{kind}({_TYPES[kind].replace('{own}', own)})"

    def _may_be_option(self, node: ast.expr) -> bool:
        refused = (ast.Yield, ast.YieldFrom, ast.NamedExpr, ast.JoinedStr)
        if any(isinstance(part, refused) for part in ast.walk(node)):
            return False
        literal = isinstance(node, (ast.Constant, ast.UnaryOp)) and ast.unparse(node) in _TAKEN
        starred = isinstance(node, ast.Tuple) and "*" in self._text(node)
        text = self._text(node)
        return not literal and not starred and len(text) < 300 and "nni" not in text

    def _is_before_future(self, statement: _Statement) -> bool:
        lines = [
            node.lineno
            for node in self._tree.body
            if isinstance(node, ast.ImportFrom) and node.module == "__future__"
        ]
        return bool(lines) and statement.first < max(lines)

    def _text(self, node: ast.expr) -> str:
        """The source of an expression, its lines broken by a mere newline."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        (row, start), (last, end) = (
            self._place(node.lineno, node.col_offset),
            self._place(node.end_lineno, node.end_col_offset),
        )
        if row == last:
            return self._lines[row][start:end]
        middle = self._lines[row + 1 : last]
        text = "".join([self._lines[row][start:], *middle, self._lines[last][:end]])
        return NEWLINE.sub("\n", text)

    def _place(self, line: int, column: int) -> tuple[int, int]:
        return line - 1, len(self._lines[line - 1].encode()[:column].decode())


def _header(statement: ast.stmt) -> Iterator[ast.AST]:
    """The parts of a statement, of a compound one's header only."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        if node is not statement:
            yield node
        for name, value in ast.iter_fields(node):
            if name in BODIES and not isinstance(node, (ast.Lambda, ast.IfExp)):
                continue
            values = value if isinstance(value, list) else [value]
            stack += [each for each in values if isinstance(each, ast.AST)]


def _values(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """The names that a node gives values to, with the values; those without are places too."""
    if isinstance(node, ast.keyword) and node.arg is not None:
        yield node.arg, node.value
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value
    elif isinstance(node, ast.arguments):
        plain = [*node.posonlyargs, *node.args]
        defaults = [None] * (len(plain) - len(node.defaults)) + list(node.defaults)
        named = [*zip(plain, defaults, strict=True)]
        named += zip(node.kwonlyargs, node.kw_defaults, strict=True)
        for argument, default in named:
            yield argument.arg, default
        for other in (node.vararg, node.kwarg):
            if other is not None:
                yield other.arg, None
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("add_argument"):
        for flag in node.args:
            if isinstance(flag, ast.Constant) and isinstance(flag.value, str):
                yield flag.value.lstrip("-").replace("-", "_"), None
        for each in node.keywords:
            if each.arg == "dest" and isinstance(each.value, ast.Constant):
                yield str(each.value.value), None


def _is_dotted(node: ast.expr) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)
