"""The stable code of every diagnostic, and what it is about; docs/diagnostics.md explains each.

NNI1xx: the text of an annotation. NNI2xx: where it stands. NNI3xx: the search space. NNI4xx: files
and trees. NNI5xx: warnings, which stop nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "NNI101": "The annotation is no single Python call",
    "NNI102": "No such kind of annotation",
    "NNI103": "An f-string or bytes can't be an annotation",
    "NNI104": "Wrong arguments of an annotation",
    "NNI105": "No such type",
    "NNI106": "Wrong arguments of a type",
    "NNI107": "A type's arguments don't fit together",
    "NNI108": "Wrong options",
    "NNI109": "This expression can't stand in an annotation",
    "NNI110": "The name= of an annotation is none",
    "NNI111": "A character that the file's encoding can't write",
    "NNI112": "A mode that isn't offered",
    "NNI201": "No statement to annotate",
    "NNI202": "The statement has no place of that name",
    "NNI203": "The statement has several places of that name",
    "NNI204": "None of the calls occurs in the statement",
    "NNI205": "A value inside an f-string that can't be replaced there",
    "NNI206": "Two annotations for one place",
    "NNI207": "A report before from __future__ imports",
    "NNI208": "A comment annotation where none can stand",
    "NNI301": "One key with different arguments",
    "NNI302": "Two calls without a name on one line",
    "NNI401": "The file is no valid Python",
    "NNI402": "The file can't be decoded",
    "NNI403": "The code is nested too deeply",
    "NNI404": "The file is compiled already",
    "NNI405": "Two files with one module name",
    "NNI406": "Annotations and the parameters API in one program",
    "NNI407": "What the file is compiled to would be no valid Python",
    "NNI408": "The notebook can't be read",
    "NNI409": "The file can't be read",
    "NNI501": "Reads like an annotation, and has no effect here",
    "NNI502": "Looks like an annotation, and is none",
    "NNI503": "A docstring that begins like an annotation",
    "NNI504": "The only option is a list",
    "NNI505": "The script's own value lies outside the search space",
    "NNI506": "A uniform range of many orders of magnitude",
    "NNI507": "A choice of one option",
    "NNI508": "Nothing reports a final result",
    "NNI509": "A report that can't be reached",
    "NNI510": "A tuned value that is never read",
    "NNI511": "No annotations found",
    "NNI512": "Annotations behind a link that leaves the source",
    "NNI513": "Not a file, folder or link",
    "NNI514": "A parameter whose value has no place in the source",
}
