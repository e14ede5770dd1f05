"""A tree of files -> a compiled tree and its search space."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from nni_annotate.diagnostics import CompileError, Diagnostic
from nni_annotate.domains import TYPES, Domain, identity
from nni_annotate.errors import SpaceError
from nni_annotate.sources import (
    MANIFEST,
    Listing,
    ProjectError,
    list_source,
    look_alikes,
    may_hold_annotations,
    python_source,
)
from nni_annotate.space import Parameters, SearchSpace
from nni_annotate.trial_api import is_compiled

SEARCH_SPACE = "search_space.json"
_FINAL = b"report_final_result"
_ASKS = frozenset({"get_next_parameter", "get_next_parameters", "get_parameters"})
_CALLS = re.compile(
    rb"\bnni\s*\.\s*(?:get_|choice|function_choice|randint|q?(?:log)?(?:uniform|normal))"
)


@dataclass(frozen=True)
class Script:
    """An annotated file, relative to the root, and whether it ends in a main guard."""

    path: str
    has_main_guard: bool


@dataclass(frozen=True)
class CompiledTree:
    """What a source compiles to.

    `compiled` holds the new bytes of every annotated file, `carried` all other files and links and
    `folders` the folders, relative to `root`; `defaults` are the values that the code itself
    holds, as far as its text tells them.
    """

    root: Path
    is_one_file: bool
    space: SearchSpace
    defaults: Parameters
    scripts: tuple[Script, ...]
    compiled: dict[str, bytes]
    carried: tuple[str, ...]
    folders: tuple[str, ...]
    warnings: tuple[Diagnostic, ...]


def compile_tree(source: Path, leave_out: Path | None = None) -> CompiledTree:
    """Compiles a folder, or one file on its own, without writing anything.

    `leave_out` is a folder inside the source that is no part of it, such as the output.
    Raises CompileError with every problem of every file, ProjectError for an unusable source.
    """
    if source.is_dir() and (source / MANIFEST).exists():
        raise ProjectError(f"{source}: this folder is compiled already; compile its source")
    listing = list_source(source, leave_out)
    work = _Work(listing, source)
    for path in listing.files:
        work.take(path)
    return work.finish()


@dataclass
class _Work:
    """A tree on its way to being compiled, file by file."""

    listing: Listing
    source: Path
    diagnostics: list[Diagnostic] = field(default_factory=list)
    compiled: dict[str, bytes] = field(default_factory=dict)
    carried: list[str] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    domains: dict[str, Domain] = field(default_factory=dict)
    defaults: Parameters = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    asks: list[Diagnostic] = field(default_factory=list)
    reports: bool = False

    def take(self, path: str) -> None:
        """Takes in the next file."""
        full = self.listing.root / path
        content = python_source(full, follow=self.listing.is_one_file)
        shown = self._shown(path)
        if content is None:
            self._note_link(full, shown)
            self._note_notebook(full, shown)
            self.carried.append(path)
            return
        self.reports = self.reports or _FINAL in content
        self.diagnostics.extend(look_alikes(content, shown))
        for name, diagnostic in _direct_calls(content, shown):
            (self.asks if name in _ASKS else self.diagnostics).append(diagnostic)
        if is_compiled(content):
            message = "this file is compiled already; compile the source that it was made from"
            self.diagnostics.append(Diagnostic(shown, 0, 0, message))
        elif may_hold_annotations(content):
            self._compile(path, content, shown)
        else:
            self.carried.append(path)

    def finish(self) -> CompiledTree:
        """The tree, if nothing is wrong with it."""
        if self.domains:
            self.diagnostics.extend(self.asks)
        if any(diagnostic.is_error for diagnostic in self.diagnostics):
            raise CompileError(self.diagnostics)
        warnings = [*self.listing.notes, *self.diagnostics]
        warnings.extend(_tree_warnings(str(self.source), bool(self.compiled), self.reports))
        tree = CompiledTree(
            self.listing.root,
            self.listing.is_one_file,
            SearchSpace(self.domains),
            self.defaults,
            tuple(self.scripts),
            self.compiled,
            tuple(self.carried),
            tuple(self.listing.folders),
            tuple(sorted(warnings)),
        )
        _check_own_search_space(tree)
        return tree

    def _compile(self, path: str, content: bytes, shown: str) -> None:
        from nni_annotate.compile import compile_module  # libcst takes 0.2 s to import

        module = ".".join(PurePosixPath(path).with_suffix("").parts)
        if module in self.modules:
            message = f"its module name {module} is also that of {self.modules[module]}; rename one"
            self.diagnostics.append(Diagnostic(shown, 0, 0, message))
        self.modules[module] = shown
        try:
            result = compile_module(content, module, shown)
        except CompileError as error:
            self.diagnostics.extend(error.diagnostics)
            return
        self.compiled[path] = result.code
        self.diagnostics.extend(result.warnings)
        self.scripts.append(Script(path, result.has_main_guard))
        for parameter in result.parameters:
            self.domains.setdefault(parameter.key, parameter.domain)
            if parameter.default is not None:
                self.defaults[parameter.key] = parameter.default[0]

    def _shown(self, path: str) -> str:
        """What diagnostics call a file: from the current folder, as the user named the source."""
        full = self.source if self.listing.is_one_file else self.source / path
        return str(full)

    def _note_notebook(self, full: Path, shown: str) -> None:
        """Warns of annotations in a notebook."""
        if full.suffix == ".ipynb" and full.is_file() and b"@nni." in full.read_bytes():
            message = "annotations in notebooks are not supported yet; they have no effect"
            self.diagnostics.append(Diagnostic(shown, 0, 0, message, is_error=False))

    def _note_link(self, full: Path, shown: str) -> None:
        """Warns of an annotated file that only a link out of the tree leads to."""
        if not full.is_symlink() or not full.is_file():
            return
        top = self.listing.root.resolve()
        content = None if full.resolve().is_relative_to(top) else python_source(full, follow=True)
        if content is not None and may_hold_annotations(content):
            message = "this link leaves the source, so the annotations behind it are not compiled"
            self.diagnostics.append(Diagnostic(shown, 0, 0, message, is_error=False))


def read_search_space(folder: Path) -> SearchSpace | None:
    """The search space at a folder's root; None where there is none. Raises ProjectError."""
    path = folder / SEARCH_SPACE
    try:
        return SearchSpace.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, SpaceError) as error:
        raise ProjectError(f"{path}: {error}") from None


def _direct_calls(content: bytes, path: str) -> Iterator[tuple[str, Diagnostic]]:
    """Calls of nni in code, in a file that imports it: the name, and what is wrong with it."""
    if b"nni" not in content or not _CALLS.search(content):
        return
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    nodes = list(ast.walk(tree))
    if not any(
        isinstance(node, ast.Import) and any(name.name == "nni" for name in node.names)
        for node in nodes
    ):
        return
    for node in nodes:
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="nni"), attr=name)):
                message = _objection(name)
            case _:
                continue
        if message is not None:
            text = content.split(b"\n")[node.lineno - 1].decode("utf-8", "replace").rstrip("\r")
            width = len(f"nni.{name}")
            yield name, Diagnostic(path, node.lineno, node.col_offset + 1, message, width, text)


def _objection(name: str) -> str | None:
    if name in _ASKS:
        return (
            f"nni.{name}() in a tree with annotations: a program uses one way or the other; "
            "annotate, or write a search space file and use the API"
        )
    if name in TYPES or name == "function_choice":
        return f"nni.{name}(...) in code is not supported yet; write it as an annotation"
    return None


def _tree_warnings(source: str, annotated: bool, reports: bool) -> Iterator[Diagnostic]:
    if not annotated:
        yield Diagnostic(source, 0, 0, "no annotations found", is_error=False)
    elif not reports:
        message = (
            "nothing reports a final result, so no trial will have one; add "
            '"""@nni.report_final_result(VALUE)"""'
        )
        yield Diagnostic(source, 0, 0, message, is_error=False)


def _check_own_search_space(tree: CompiledTree) -> None:
    """A search space file in the source is replaced by nothing but itself."""
    if SEARCH_SPACE in tree.folders:
        raise ProjectError(
            f"{tree.root / SEARCH_SPACE}: this folder has the name of the compiler's own file"
        )
    if SEARCH_SPACE not in tree.carried or not tree.compiled:
        return
    path = tree.root / SEARCH_SPACE
    own = read_search_space(tree.root)
    if own is None or identity(own.to_json()) != identity(tree.space.to_json()):
        raise ProjectError(
            f"{path}: the source has a search space file of its own, and annotations that say "
            "otherwise; a program uses one or the other: rename or remove the file, or the "
            "annotations"
        )
