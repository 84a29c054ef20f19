"""Rewrites JSON schemas for structured outputs, which take only a part of JSON Schema.

https://docs.claude.com/en/docs/build-with-claude/structured-outputs
"""

from __future__ import annotations

from typing import Final

from langchain_claude_cloud.errors import InvalidInputError
from langchain_claude_cloud.errors.types import JsonObject
from langchain_claude_cloud.request import schema_references as references
from langchain_claude_cloud.request.input_schema import read_input_schema
from langchain_claude_cloud.request.schema_keywords import RewrittenSchema, UnfitSchemaError
from langchain_claude_cloud.request.tool_definitions import schema_of

_STRING_FORMATS: Final = (
    *("date-time", "time", "date", "duration"),
    *("email", "hostname", "uri", "ipv4", "ipv6", "uuid"),
)
_KNOWN_VALUES: Final = {"array": ("minItems", (0, 1)), "string": ("format", _STRING_FORMATS)}
_TEXTS: Final = ("description", "title")


def transform_schema(schema: object) -> JsonObject:
    """Return a schema as structured outputs take it.

    Args:
        schema: A JSON schema; not changed. True and False become one without rules.

    Returns:
        The schema with objects closed (``additionalProperties: false``), ``oneOf`` as
        ``anyOf``, references kept, and keywords that the API refuses moved into the
        description, where the model may still heed them.
    """
    if not isinstance(schema, dict):
        return {}
    rest = _with_one_type(dict(schema))
    wire: JsonObject = {key: _parts(rest.pop(key)) for key in references.DEFINITIONS if key in rest}
    if "$ref" in rest:
        return {**wire, "$ref": rest["$ref"]}
    kind = rest.pop("type", None) or ("object" if "properties" in rest else None)
    kind = kind or ("array" if "items" in rest else None)
    unions = {key: rest.pop(key) for key in references.UNIONS if isinstance(rest.get(key), list)}
    literals = {
        key: rest.pop(key)
        for key, values in (("enum", rest.get("enum")), ("const", [rest.get("const")]))
        if key in rest and values and all(isinstance(v, str | int | float | None) for v in values)
    }
    wire |= literals
    for key, parts in list(unions.items())[:1]:
        wire["allOf" if key == "allOf" else "anyOf"] = list(map(transform_schema, parts))
    wire |= {key: rest.pop(key) for key in _TEXTS if key in rest}
    if kind and not literals and not unions:
        wire |= {"type": kind, **_take_kept(kind, rest)}
    if rest:  # what the API refuses
        told = "{" + ", ".join(f"{key}: {value}" for key, value in rest.items()) + "}"
        wire["description"] = f"{wire['description']}\n\n{told}" if "description" in wire else told
    return wire


def _parts(schemas: JsonObject) -> JsonObject:
    return {name: transform_schema(part) for name, part in schemas.items()}


def convert_response_format(response_format: object) -> JsonObject | None:
    """Convert a response format to the form of the API's ``output_config.format``.

    Args:
        response_format: OpenAI's ``{"type": "json_schema", "json_schema": {"schema": ...}}``,
            Anthropic's ``{"type": "json_schema", "schema": ...}``, a JSON schema, a pydantic
            class or `TypedDict`; None or ``{"type": "text"}`` for free text.

    Returns:
        ``{"type": "json_schema", "schema": ...}``, or None. `transform_schema` makes the schema one
        that structured outputs take, if it `is_native`.

    Raises:
        InvalidInputError: There is no schema in it, or none of an object.
    """
    schema = response_format
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    if schema is None or kind == "text":
        return None
    if isinstance(response_format, dict) and kind in ("json_schema", "json_object"):
        named = response_format.get("json_schema") or response_format
        schema = named.get("schema") if isinstance(named, dict) else None
    if schema is None:
        raise InvalidInputError("response_format has no schema: there is no JSON mode without one.")
    if not isinstance(schema, dict):
        schema = schema_of(schema, any_type=True)
    schema = modern_schema(schema)
    try:
        if not is_object(schema):
            read_input_schema(schema)  # a tool may have alternatives that are objects
    except UnfitSchemaError as error:
        told = "response_format must be an object at its root: put it into a property of an object."
        raise InvalidInputError(told) from error
    return {"type": "json_schema", "schema": schema}


def schema_tool(name: str, schema: JsonObject) -> JsonObject:
    """Return a tool whose arguments are the answer, as a schema describes it."""
    return {
        "name": name,
        # Some models refuse a forced choice, and are only asked.
        "description": f"Answer by calling this tool. {schema.get('description', '')}".strip(),
        "input_schema": schema,
    }


def is_native(schema: JsonObject) -> bool:
    """Whether structured outputs can give what a schema, as `modern_schema` returns it, asks for.

    They take no alternatives at the root and no schema that refers to itself, and give no maps. A
    tool's arguments may be all of that.
    """
    is_recursive = references.find_loop(schema.get("$defs", {}))
    return is_object(schema) and not has_open_object(schema) and not is_recursive


def is_object(schema: JsonObject) -> bool:
    """Whether a schema describes one object, without alternatives."""
    kind = schema.get("type", "object" if "properties" in schema else None)
    return kind == "object" and not any(key in schema for key in references.UNIONS)


def has_open_object(schema: object) -> bool:
    """Whether a schema has a map somewhere: an object whose keys it does not all name itself.

    Structured outputs close every object, so that a map is always empty there, and an object that
    has to match several schemas lacks what the others name: they know no ``anyOf`` beside
    ``properties``. A tool's arguments may have any keys.
    """
    return any(map(_is_map, references.every_schema(schema)))


def _is_map(schema: JsonObject) -> bool:
    named = schema.get("properties")
    parts = [part for key in references.UNIONS for part in schema.get(key, ())]
    if named and parts:
        return True
    if any(part.keys() & {"$ref", "properties"} for part in parts):
        return len(schema.get("allOf", ())) > 1
    if "object" not in schema.get("type", ()):
        return False
    others = schema.get("additionalProperties")
    if schema.get("patternProperties") or others not in (None, True, False, {}):
        return True
    is_named = named is not None and set(schema.get("required", ())) <= set(named)
    return others is not False and not is_named


def refuse_maps(schema: JsonObject, owner: str) -> None:
    """Refuse a schema with a map, where the API would close it.

    Args:
        schema: A JSON schema of a structured output or a strict tool.
        owner: What it is the schema of, for the error.

    Raises:
        InvalidInputError: It has a map, which could only ever be empty.
    """
    if has_open_object(schema):
        told = "a dict or an object of several schemas, which structured outputs and strict tools"
        use = 'method="function_calling" (an agent: ToolStrategy), no `strict`, or a list of pairs'
        raise InvalidInputError(f"{owner} has {told} cannot give. Use {use}.")


def modern_schema(schema: JsonObject, *, keep_titles: bool = True) -> JsonObject:
    """Return a schema of an answer as one of the draft that the API and the check of values know.

    Args:
        schema: A JSON schema of any draft; not changed.
        keep_titles: Whether properties keep the titles that pydantic makes of their names.

    Returns:
        The schema, whose root is no reference.

    Raises:
        InvalidInputError: It is no schema, or a reference leads nowhere.
    """
    try:
        wire = RewrittenSchema(schema, "the schema", keep_titles=keep_titles)
        problems = wire.notes
    except UnfitSchemaError as error:
        problems = [str(error)]
    if problems:
        told = f"the schema of the answer cannot be used: {problems[0]}"
        raise InvalidInputError(f"{told}. Give a pydantic class, a type or a JSON schema.")
    root = references.resolve_root(wire.schema, wire.definitions)
    return references.with_definitions(root, wire.definitions)


def _with_one_type(schema: JsonObject) -> JsonObject:
    """Return a schema in which a list of types is a choice between schemas of one type.

    The keywords beside the list belong to one of them or to another.
    """
    kinds = schema.get("type")
    if not isinstance(kinds, list) or schema.keys() & {*references.UNIONS, "const", "enum"}:
        return schema
    told: JsonObject = {key: schema[key] for key in _TEXTS if key in schema}
    shared = {key: schema[key] for key in schema if key not in (*_TEXTS, "type")}
    parts = [{"type": kind, **(shared if kind != "null" else {})} for kind in kinds]
    return {**told, "anyOf": parts}


def _take_kept(kind: object, rest: JsonObject) -> JsonObject:
    """Take out of a schema what structured outputs know of its type, and return it."""
    kept: JsonObject = {}
    if kind == "object":
        rest.pop("additionalProperties", None)
        properties = _parts(rest.pop("properties", {}))
        kept = {"properties": properties, "additionalProperties": False}
        kept |= {"required": rest.pop("required")} if "required" in rest else {}
    elif kind == "array":
        items = rest.pop("items", None)
        if rest.get("prefixItems"):
            # Only what all items have in common can be said; their order is told in words.
            others = [items] if isinstance(items, dict) else []
            items = {"anyOf": [*rest["prefixItems"], *others]}
        kept |= {"items": transform_schema(items)} if items is not None else {}
    key, known = _KNOWN_VALUES.get(str(kind), ("", ()))
    value = rest.pop(key, None)
    if value is not None:
        (kept if value in known else rest)[key] = value
    return kept
