"""Converts the schema of a tool's arguments to one that the API accepts as ``input_schema``.

The API wants an object at the root, and none of ``anyOf``, ``oneOf`` and ``allOf`` beside it
("input_schema does not support oneOf, allOf, or anyOf at the top level", 400). Servers of the
Model Context Protocol often use those to say which arguments go together.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from itertools import chain
from typing import Final

from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request import schema_references as references
from langchain_claude_cloud.request.schema_keywords import RewrittenSchema, UnfitSchemaError

_UNIONS: Final = {"anyOf": "at least one", "oneOf": "exactly one"}
_JOINTS: Final = {"anyOf": " or ", "oneOf": " or ", "allOf": " and "}
_CONSEQUENCES: Final = {"then": "if", "else": "unless"}
_PARTS: Final = frozenset({*_JOINTS, *_CONSEQUENCES})
"""Keywords with schemas that say which properties there are."""

_ROOT_ONLY: Final = frozenset({*_PARTS, "discriminator", "if", "type"})


def read_input_schema(
    given: object, *, keep_titles: bool = True
) -> tuple[JsonObject, str, list[str]]:
    """Return the schema of a tool's arguments as the API takes it.

    Args:
        given: A JSON schema of any draft, or nothing; not changed.
        keep_titles: Whether properties keep the titles that pydantic makes of their names.

    Returns:
        The schema; what it can no longer say, as text for the tool's description; and what was
        lost, one phrase each.

    Raises:
        UnfitSchemaError: The arguments are no object, or it is no schema.
    """
    wire = RewrittenSchema(given, "input_schema", keep_titles=keep_titles)
    # A definition may stand in many places: so many parts are read, and so deep.
    root = _expanded(wire.schema, wire.definitions, iter(range(1_000)), 60)
    parts, required = list(references.every_schema(root, _PARTS)), _required(root)
    has_object = any(part.get("type") == "object" or "properties" in part for part in parts)
    is_choice = bool(root.keys() & _JOINTS.keys())
    if "object" not in root.get("type", "object") or (is_choice and not has_object):
        raise UnfitSchemaError("its schema describes no object: put the value into a property")
    described: dict[str, list[object]] = {}
    named = chain.from_iterable(part.get("properties", {}).items() for part in parts)
    for name, held in chain(named, {key: {} for key in required}.items()):
        others = described.setdefault(name, [])
        others += [held] if held not in ({}, *others) else []
    schema: JsonObject = {"type": "object", "properties": {}}
    schema |= {key: value for key, value in root.items() if key not in _ROOT_ONLY}
    schema["properties"] = {
        name: {"anyOf": held} if len(held) > 1 else next(iter(held), {})
        for name, held in described.items()
    }
    schema |= {"required": list(required)} if required else {}
    rules = [f"{rule[0].upper()}{rule[1:]}." for rule in dict.fromkeys(_rules(root, required))]
    lost = dict.fromkeys(f"{note}: any value is allowed there" for note in wire.notes)
    return references.with_definitions(schema, wire.definitions), " ".join(rules), list(lost)


def _expanded(
    schema: JsonObject, definitions: Mapping[str, JsonObject], room: Iterator[int], levels: int
) -> JsonObject:
    """Return a root, or a part of one, with the parts in it in the place of references to them.

    What there is no room for, or lies deeper, says nothing.
    """
    if not levels or next(room, None) is None:
        return {}
    expanded: JsonObject = {}
    for key, held in references.resolve_root(schema, definitions).items():
        if key not in _PARTS and key != "if":
            expanded[key] = held
        elif isinstance(held, list):
            expanded[key] = [_expanded(part, definitions, room, levels - 1) for part in held]
        else:
            expanded[key] = _expanded(held, definitions, room, levels - 1)
    return expanded


def _required(part: JsonObject) -> dict[str, None]:
    """Return the names that are required in any case: a set in the order of the schema."""
    names = dict.fromkeys(part.get("required") or ())
    for each in part.get("allOf") or ():
        names |= _required(each)
    for union in (part[keyword] for keyword in _UNIONS if keyword in part):
        first, *others = map(_required, union)
        names |= {name: None for name in first if all(name in other for other in others)}
    return names


def _rules(part: JsonObject, known: Container[str]) -> Iterator[str]:
    """Yield, in words, what a part says by keywords that a root may not have.

    Args:
        part: The part.
        known: Names that are required anyway; they are not mentioned.
    """
    for each in part.get("allOf") or ():
        yield from _rules(each, known)
    for keyword, how_many in _UNIONS.items():
        phrases = [_in_words(each, known) for each in part.get(keyword) or ()]
        told = list(dict.fromkeys(filter(None, phrases)))
        if len(told) > 1:
            numbered = "; ".join(f"({number}) {phrase}" for number, phrase in enumerate(told, 1))
            yield f"of the arguments, {how_many} of these must hold: {numbered}"
        elif len(phrases) == 1:
            yield from told
    yield from _conditions(part)


def _conditions(part: JsonObject) -> Iterator[str]:
    for keyword, start in _CONSEQUENCES.items():
        if "if" in part and keyword in part:
            condition, consequence = _in_words(part["if"]), _in_words(part[keyword])
            if condition and consequence:
                yield f"{start} {condition}, then {consequence}"


def _in_words(part: JsonObject, known: Container[str] = ()) -> str:
    """Return all that a part says of the arguments."""
    fixed = {n: _values(held) for n, held in (part.get("properties") or {}).items()}
    told = [f"`{name}` is {' or '.join(values)}" for name, values in fixed.items() if values]
    required = [n for n in part.get("required") or () if n not in known and not fixed.get(n)]
    told += [f"`{name}` is given" for name in required]
    excluded = _in_words(part["not"]) if "not" in part else ""
    told += [f"not: {excluded}"] if excluded else []
    for keyword, joint in _JOINTS.items():
        phrases = (_in_words(each, known) for each in part.get(keyword) or ())
        told.append(joint.join(filter(None, phrases)))
    return " and ".join(filter(None, [*told, *_conditions(part)]))


def _values(schema: JsonObject) -> list[str]:
    """Return the only values that a property may have, as JSON; none if it may have others."""
    values = [schema["const"]] if "const" in schema else schema.get("enum") or ()
    return [json.dumps(value, ensure_ascii=False) for value in values]
