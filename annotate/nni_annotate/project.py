"""A tree of files -> a compiled tree and its search space."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from nni_annotate.api_calls import api_calls, asks_for_parameters, misspelt_calls
from nni_annotate.diagnostics import CompileError, Diagnostic
from nni_annotate.domains import Domain, identity
from nni_annotate.lookalikes import look_alikes, may_report
from nni_annotate.sources import (
    MANIFEST,
    NOTEBOOK,
    Listing,
    ProjectError,
    list_source,
    may_hold_annotations,
    may_hold_calls,
    may_import_nni,
    mentions_nni,
    read_python,
)
from nni_annotate.space import Parameters, SearchSpace
from nni_annotate.texts import texts_of
from nni_annotate.tree import SEARCH_SPACE, CompiledTree, Place, Script, read_search_space, shown
from nni_annotate.trial_api import is_compiled

if TYPE_CHECKING:
    from nni_annotate.compile import CompiledModule, Kind
    from nni_annotate.lints import Unread
    from nni_annotate.module import Parameter

_FINAL = b"report_final_result"


def compile_tree(
    source: Path, leave_out: Path | None = None, *, notebooks_as_scripts: bool = False
) -> CompiledTree:
    """Compiles a folder, or one file on its own, without writing anything.

    `leave_out` is a folder inside the source that is no part of it, such as the output.
    Raises CompileError with every problem of every file, ProjectError for an unusable source.
    """
    if os.path.lexists(source / MANIFEST):
        raise ProjectError(f"{source}: this folder is compiled already; compile its source")
    work = _Work(list_source(source, leave_out), source, notebooks_as_scripts)
    for path in work.listing.files:
        work.take(path)
    return work.finish()


def kind_of(listing: Listing, path: str, content: bytes, *, as_script: bool = False) -> Kind:
    """What the compiler is to know of a file of a source."""
    from nni_annotate.compile import Kind  # libcst takes 0.2 s to import

    return Kind(
        ".".join(PurePosixPath(path).with_suffix("").parts),
        path,
        is_notebook=path.endswith(NOTEBOOK),
        has_calls=may_hold_calls(content, path) and not has_own_nni(listing, path),
        as_script=as_script,
    )


@dataclass
class _Work:
    """A tree on its way to being compiled, file by file."""

    listing: Listing
    source: Path
    as_scripts: bool
    diagnostics: list[Diagnostic] = field(default_factory=list)
    compiled: dict[str, bytes] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    carried: list[str] = field(default_factory=list)
    scripts: list[Script] = field(default_factory=list)
    domains: dict[str, Domain] = field(default_factory=dict)
    defaults: Parameters = field(default_factory=dict)
    places: dict[str, tuple[Place, ...]] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    asks: list[Diagnostic] = field(default_factory=list)
    unread: list[tuple[str, Unread]] = field(default_factory=list)
    reports: bool = False
    first: str = ""  # where the first annotation is

    def take(self, path: str) -> None:
        """Takes in the next file."""
        try:
            content = read_python(self.listing, path)
        except OSError as error:
            message = f"this file can't be read: {error.strerror}"
            self.diagnostics.append(Diagnostic(path, code="NNI409", message=message))
            return
        if content is None:
            self._note_link(path)
            self.carried.append(path)
            return
        if not mentions_nni(content) and _FINAL not in content:
            self.carried.append(path)
            return
        texts = texts_of(content, path)
        self.reports = self.reports or may_report(texts) or (not texts and _FINAL in content)
        self.diagnostics.extend(look_alikes(texts, path))
        if may_import_nni(content, path) and not has_own_nni(self.listing, path):
            calls = list(api_calls(texts))
            self.asks.extend(asks_for_parameters(calls, path))
            self.diagnostics.extend(misspelt_calls(calls, path))
        if is_compiled(content) and not path.endswith(NOTEBOOK):
            message = "this file is compiled already; compile the source that it was made from"
            self.diagnostics.append(Diagnostic(path, code="NNI404", message=message))
        elif may_hold_annotations(content) or may_hold_calls(content, path):
            self._compile(path, content)
        else:
            self.carried.append(path)

    def finish(self) -> CompiledTree:
        """The tree, if nothing is wrong with it."""
        if self.first:
            self.diagnostics.extend(
                replace(
                    asking,
                    message=f"{asking.message}() asks for parameters that annotations use, "
                    f"as at {self.first}; annotate, or write a search space file and use the API",
                )
                for asking in self.asks
            )
        if any(found.is_error for found in self.diagnostics):
            lone = self.listing.is_one_file
            raise CompileError(shown(self.diagnostics, self.source, lone=lone))
        notes = [*self.listing.notes, *self.diagnostics, *self._unread_anywhere()]
        notes.extend(_tree_warnings(bool(self.compiled), self.reports))
        tree = CompiledTree(
            self.listing,
            self.source,
            SearchSpace(self.domains),
            self.defaults,
            self.places,
            tuple(self.scripts),
            self.compiled,
            self.origins,
            tuple(self.carried),
            tuple(self.listing.folders),
            tuple(sorted(notes)),
        )
        _check_own_search_space(tree)
        return tree

    def _compile(self, path: str, content: bytes) -> None:
        from nni_annotate.compile import compile_module  # libcst takes 0.2 s to import
        from nni_annotate.strays import reads_annotated

        kind = kind_of(self.listing, path, content, as_script=self.as_scripts)
        try:
            result = compile_module(content, kind)
        except CompileError as error:
            is_meant = may_hold_annotations(content) and (
                kind.is_notebook or reads_annotated(content.decode("utf-8", "replace"))
            )
            if not is_meant and not error.is_about_annotations:
                self.carried.append(path)  # no valid Python, and nothing that asks for it
                return
            self._claim(kind.module, path)
            self.diagnostics.extend(error.diagnostics)
            where = next((found for found in error.diagnostics if found.line), None)
            if where is not None and not self.first:
                self.first = _place_of(path, where.cell, where.line)
            return
        self.diagnostics.extend(result.warnings)
        if result.first is not None and not self.first:
            self.first = _place_of(path, result.first.cell, result.first.line)
        if not result.is_annotated:
            self.carried.append(path)
            return
        self._claim(kind.module, path)
        self._add(path, result)

    def _claim(self, module: str, path: str) -> None:
        if module in self.modules:
            message = f"its module name {module} is also that of {self.modules[module]}; rename one"
            self.diagnostics.append(Diagnostic(path, code="NNI405", message=message))
        self.modules[module] = path

    def _add(self, path: str, result: CompiledModule) -> None:
        target = path
        if path.endswith(NOTEBOOK) and self.as_scripts:
            target = str(PurePosixPath(path).with_suffix(".py"))
            if target in self.listing.files:
                message = f"its script would be {target}, which exists; rename one"
                self.diagnostics.append(Diagnostic(path, code="NNI405", message=message))
        self.compiled[target] = result.code
        self.origins[target] = path
        if not target.endswith(NOTEBOOK):
            self.scripts.append(Script(target, result.has_main_guard))
        for parameter in result.parameters:
            self.domains[parameter.key] = parameter.domain
            if parameter.default is not None:
                self.defaults[parameter.key] = parameter.default[0]
        for place in result.places:
            known = self.places.get(place.key, ())
            self.places[place.key] = (*known, _place(path, place))
        self.unread.extend((path, value) for value in result.unread)

    def _unread_anywhere(self) -> Iterator[Diagnostic]:
        """Warnings of a module's values that no other file mentions, nor the module itself."""
        left = list(self.unread)
        for other in self.listing.files:
            if not left:
                break
            try:
                content = read_python(self.listing, other)
            except OSError:  # it was read before; what vanished mentions nothing
                continue
            if content is not None:
                left = [
                    (path, value)
                    for path, value in left
                    if path == other or not _mentions(content, path, value.name)
                ]
        return (value.diagnostic for _, value in left)

    def _note_link(self, path: str) -> None:
        """Warns of an annotated file that only a link out of the tree leads to."""
        full = self.listing.root / path
        if self.listing.files[path].aim is None or not full.is_file():
            return
        top = self.listing.root.resolve()
        try:
            outside = not full.resolve().is_relative_to(top)
            content = read_python(self.listing, path, follow=True) if outside else None
        except OSError:
            return  # what can't be read is no annotated file that anybody could use
        if content is not None and may_hold_annotations(content):
            message = "this link leaves the source, so the annotations behind it are not compiled"
            note = Diagnostic(path, code="NNI512", message=message, is_error=False)
            self.diagnostics.append(note)


def _place_of(path: str, cell: int, line: int) -> str:
    return f"{path}, cell {cell}, line {line}" if cell else f"{path}:{line}"


def _place(path: str, parameter: Parameter) -> Place:
    where = parameter.where
    return Place(path, where.line, where.column, where.cell, parameter.is_written)


def has_own_nni(listing: Listing, path: str) -> bool:
    """Whether `import nni` in a file finds a module of the user's: beside it or at the root."""
    for folder in {"", *(f"{parent}/" for parent in PurePosixPath(path).parents)}:
        for name in ("nni.py", "nni/__init__.py"):
            near = f"{'' if folder == './' else folder}{name}"
            if near == path:
                continue
            if near in listing.files or (listing.is_one_file and (listing.root / near).exists()):
                return True
    return False


def _mentions(content: bytes, path: str, name: str) -> bool:
    """Whether a file holds a name, or that of the module at this path, which has all its names."""
    pure = PurePosixPath(path)
    module = pure.parent.name if pure.stem == "__init__" else pure.stem
    return name.encode() in content or (bool(module) and module.encode() in content)


def _tree_warnings(annotated: bool, reports: bool) -> Iterator[Diagnostic]:
    if not annotated:
        yield Diagnostic("", code="NNI511", message="no annotations found", is_error=False)
    elif not reports:
        message = (
            "nothing reports a final result, so no trial will have one; add "
            '"""@nni.report_final_result(VALUE)"""'
        )
        yield Diagnostic("", code="NNI508", message=message, is_error=False)


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
