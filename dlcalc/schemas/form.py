"""What schemas are written with: JSON Schema, draft 2020-12, in few words.

Source: https://json-schema.org/draft/2020-12.
"""

from __future__ import annotations

from collections.abc import Mapping

Schema = dict[str, object]

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def _typed(kind: str | list[str], about: str) -> Schema:
    return {"type": kind, "description": about} if about else {"type": kind}


def text(about: str = "") -> Schema:
    """A string."""
    return _typed("string", about)


def word(*words: str) -> Schema:
    """One of some strings."""
    return {"enum": list(words)}


def integer(about: str = "") -> Schema:
    """A whole number."""
    return _typed("integer", about)


def number(about: str = "") -> Schema:
    """A number that is finite."""
    return _typed("number", about)


def boolean(about: str = "") -> Schema:
    """True or false."""
    return _typed("boolean", about)


def extended(about: str = "") -> Schema:
    """A number, or one that JSON has none for: nan, inf, -inf."""
    found: Schema = {"anyOf": [{"type": "number"}, {"enum": ["nan", "inf", "-inf"]}]}
    return {**found, "description": about} if about else found


def size(about: str = "") -> Schema:
    """A whole number, or the text of a formula in unknown sizes."""
    return _typed(["integer", "string"], about)


def array(of: Schema, about: str = "") -> Schema:
    """A list of the same."""
    return {**_typed("array", about), "items": of}


#: A number, or lists of lists of numbers: put it among the definitions as ``tensor``.
TENSOR: Schema = {
    "type": ["number", "null", "string", "array"],
    "items": {"$ref": "#/$defs/tensor"},
}


def record(
    required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, about: str = ""
) -> Schema:
    """An object of these members and no others.

    >>> record({"n": integer()})["required"]
    ['n']
    """
    found: Schema = _typed("object", about)
    found["properties"] = {**required, **(optional or {})}
    if required:
        found["required"] = list(required)
    found["additionalProperties"] = False
    return found


def mapping(of: Schema, about: str = "") -> Schema:
    """An object whose members' names are free."""
    return {**_typed("object", about), "additionalProperties": of}


def nullable(of: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [of, {"type": "null"}]}


def either(*forms: Schema) -> Schema:
    """One of some forms."""
    return {"anyOf": list(forms)}


def ref(name: str) -> Schema:
    """One of the document's definitions."""
    return {"$ref": f"#/$defs/{name}"}


def document(title: str, form: Schema, definitions: Mapping[str, Schema] | None = None) -> Schema:
    """A schema that stands by itself."""
    found: Schema = {"$schema": DRAFT, "title": title, **form}
    if definitions:
        found["$defs"] = dict(definitions)
    return found


def findings(about: Mapping[str, Schema] | None = None) -> Schema:
    """Each finding of a second route under its name: whether it passed, and what it measured."""
    part = {"type": "object", "properties": {"passed": boolean()}, "required": ["passed"]}
    return {
        "type": "object",
        "description": "what a second, independent computation found",
        "properties": {"passed": boolean("whether all of it passed"), **(about or {})},
        "required": ["passed"],
        "additionalProperties": part,
    }


#: Findings as a list, each with its name.
FINDINGS = array(
    {
        "type": "object",
        "properties": {"name": text(), "passed": boolean(), "route": text()},
        "required": ["name", "passed"],
    },
    "what second, independent computations found",
)
NOTES = array(text(), "remarks about how the question was read")
SHAPE = array(size(), "sizes without the batch, channels first unless the layout says else")
