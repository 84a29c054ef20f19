"""Forms of tools' input schemas as public MCP servers, OpenAPI bridges and SDKs publish them.

The shapes are theirs, the words are not. Each stands for a habit of some generator: zod,
pydantic, FastMCP, Go structs, PHP arrays, OpenAPI 3.0 and Swagger 2, OData, GraphQL.
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

S: Final[Schema] = {"type": "string"}
I: Final[Schema] = {"type": "integer"}  # noqa: E741 - a table reads better with short names
N: Final[Schema] = {"type": "number"}
B: Final[Schema] = {"type": "boolean"}
DRAFT_4: Final = "http://json-schema.org/draft-04/schema#"
DRAFT_7: Final = "http://json-schema.org/draft-07/schema#"
DRAFT_2020: Final = "https://json-schema.org/draft/2020-12/schema"


def obj(properties: Schema | None = None, *required: str, **more: Any) -> Schema:
    """Return the schema of an object."""
    schema: Schema = {"type": "object", "properties": properties or {}, **more}
    return {**schema, "required": list(required)} if required else schema


def arr(items: Any, **more: Any) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items, **more}


def enum(*values: Any, **more: Any) -> Schema:
    """Return the schema of one of some texts."""
    return {"type": "string", "enum": list(values), **more}


def optional(schema: Schema) -> Schema:
    """Return what pydantic writes for `X | None = None`."""
    return {"anyOf": [schema, {"type": "null"}], "default": None}


def ref(name: str, holder: str = "$defs") -> Schema:
    """Return a reference to a definition."""
    return {"$ref": f"#/{holder}/{name}"}


def needs(*names: str) -> Schema:
    """Return a part that only requires some properties."""
    return {"required": list(names)}


FORMS: Final[dict[str, Any]] = {
    # Nothing, or hardly anything.
    "no_schema_keys": {},
    "object_only": {"type": "object"},
    "empty_properties": obj(),
    "php_empty_list": {"type": "object", "properties": []},
    "null_members": {"type": "object", "properties": None, "required": None},
    "closed_and_empty": obj(additionalProperties=False, **{"$schema": DRAFT_7}),
    "any_arguments": {"type": "object", "additionalProperties": True},
    "map_of_texts": {"type": "object", "additionalProperties": S},
    "dummy_argument": obj({"random_string": {**S, "description": "Not used"}}, "random_string"),
    # zod.
    "zod_file_read": obj(
        {"path": S, "tail": N, "head": N},
        "path",
        additionalProperties=False,
        **{"$schema": DRAFT_7},
    ),
    "zod_file_edits": obj(
        {
            "path": S,
            "edits": arr(obj({"oldText": S, "newText": S}, "oldText", "newText")),
            "dryRun": {**B, "default": False},
        },
        "path",
        "edits",
        additionalProperties=False,
        **{"$schema": DRAFT_7},
    ),
    "zod_reused_schema": obj(
        {
            "from": obj({"x": N, "y": N}, "x", "y"),
            "to": {"$ref": "#/properties/from"},
            "via": arr({"$ref": "#/properties/from"}),
        },
        "from",
        "to",
        **{"$schema": DRAFT_7},
    ),
    "zod_reused_enum_in_list": obj(
        {"levels": arr(enum("low", "high")), "only": {"$ref": "#/properties/levels/items"}}
    ),
    "zod_nullable": obj({"cursor": {"type": ["string", "null"]}}),
    "zod_literal_union": obj({"kind": {"type": ["string", "number"], "enum": ["a", 1]}}),
    "zod_record": obj({"env": {"type": "object", "additionalProperties": S}}),
    "zod_record_of_enum_keys": obj({"m": {"type": "object", "propertyNames": enum("a", "b")}}),
    "zod_tuple": obj({"span": {"type": "array", "minItems": 2, "maxItems": 2, "items": [N, N]}}),
    "zod_tuple_with_rest": obj({"t": {"type": "array", "items": [S], "additionalItems": N}}),
    "zod_intersection": obj({"who": {"allOf": [obj({"a": S}, "a"), obj({"b": S}, "b")]}}),
    "zod_positive": obj({"limit": {**I, "exclusiveMinimum": 0, "maximum": 100, "default": 30}}),
    "zod_never": obj({"nothing": {"not": {}}}),
    "zod_any": obj({"value": {}}, "value"),
    "zod_date": obj({"since": {**S, "format": "date-time"}}),
    "zod_root_union": {"anyOf": [obj({"id": S}, "id"), obj({"url": S}, "url")], "$schema": DRAFT_7},
    "zod_root_discriminated": {
        "oneOf": [
            obj({"action": {"const": "create", **S}, "title": S}, "action", "title"),
            obj({"action": {"const": "delete", **S}, "id": I}, "action", "id"),
        ]
    },
    "zod_v4_registry": {
        "$schema": DRAFT_2020,
        **ref("Args"),
        "$defs": {"Args": obj({"q": S}, "q", additionalProperties=False)},
    },
    "zod_lazy_recursive": obj({"filter": ref("__schema0")}, "filter")
    | {"$defs": {"__schema0": obj({"and": arr(ref("__schema0")), "field": S})}},
    # pydantic and FastMCP.
    "pydantic_optional": obj({"q": {**S, "title": "Q"}, "n": optional(I)}, "q", title="searchArgs"),
    "pydantic_nested": obj({"point": ref("Point")}, "point")
    | {"$defs": {"Point": obj({"x": N, "y": N}, "x", "y", title="Point")}},
    "pydantic_enum_class": obj({"c": {"allOf": [ref("Color")], "default": "red"}})
    | {"$defs": {"Color": enum("red", "blue", title="Color")}},
    "pydantic_v1_definitions": obj({"item": {"$ref": "#/definitions/Item"}}, "item")
    | {"definitions": {"Item": obj({"sku": S}, "sku")}},
    "pydantic_recursive": obj({"root": ref("Node")}, "root")
    | {"$defs": {"Node": obj({"name": S, "children": arr(ref("Node"))}, "name")}},
    "pydantic_mutual_recursion": obj({"a": ref("A")})
    | {"$defs": {"A": obj({"b": optional(ref("B"))}), "B": obj({"a": optional(ref("A"))})}},
    "pydantic_generic_name": obj({"page": ref("Page_int_")})
    | {"$defs": {"Page_int_": obj({"items": arr(I)}, "items", title="Page[int]")}},
    "pydantic_percent_name": obj({"page": {"$ref": "#/$defs/Page%5Bint%5D"}})
    | {"$defs": {"Page[int]": obj({"items": arr(I)})}},
    "pydantic_discriminator": obj(
        {
            "pet": {
                "oneOf": [ref("Cat"), ref("Dog")],
                "discriminator": {
                    "propertyName": "kind",
                    "mapping": {"cat": "#/$defs/Cat", "dog": "#/$defs/Dog"},
                },
            }
        },
        "pet",
    )
    | {
        "$defs": {
            "Cat": obj({"kind": {"const": "cat"}}, "kind"),
            "Dog": obj({"kind": {"const": "dog"}}, "kind"),
        }
    },
    "pydantic_decimal": obj({"amount": {"anyOf": [N, {**S, "pattern": r"^-?\d+(\.\d+)?$"}]}}),
    "pydantic_tuple": obj(
        {"box": {"type": "array", "prefixItems": [N, N], "minItems": 2, "maxItems": 2}}
    ),
    "pydantic_set": obj({"tags": arr(S, uniqueItems=True)}),
    "pydantic_bytes": obj({"raw": {**S, "format": "binary"}}),
    "pydantic_root_model_body": obj({"body": ref("Body")}, "body")
    | {"$defs": {"Body": {"type": "array", "items": ref("Row")}, "Row": obj({"v": {}})}},
    # Which arguments go together.
    "one_of_two": obj({"image_url": S, "image_data": S, "prompt": S}, "prompt")
    | {"oneOf": [needs("image_url"), needs("image_data")]},
    "any_of_two": obj({"name": S, "email": S}) | {"anyOf": [needs("name"), needs("email")]},
    "either_id_or_pair": obj({"edge": S, "from": S, "to": S})
    | {"oneOf": [needs("edge"), needs("from", "to")]},
    "not_both": obj({"a": S, "b": S}) | {"not": needs("a", "b")},
    "one_of_with_not": obj({"a": S, "b": S})
    | {"oneOf": [{**needs("a"), "not": needs("b")}, {**needs("b"), "not": needs("a")}]},
    "all_of_conditions": obj({"kind": enum("list", "get"), "id": S}, "kind")
    | {"allOf": [{"if": {"properties": {"kind": {"const": "get"}}}, "then": needs("id")}]},
    "if_then_else": obj({"mode": enum("page", "cursor"), "page": I, "cursor": S})
    | {
        "if": {"properties": {"mode": {"const": "page"}}, "required": ["mode"]},
        "then": needs("page"),
        "else": needs("cursor"),
    },
    "branches_with_properties": {
        "type": "object",
        "oneOf": [
            {"properties": {"content": S, "name": S}, "required": ["content", "name"]},
            {"properties": {"source_url": {**S, "format": "uri"}}, "required": ["source_url"]},
            {"properties": {"file_id": S}, "required": ["file_id"]},
        ],
    },
    "branches_without_type": {"anyOf": [{"properties": {"a": S}}, {"properties": {"b": S}}]},
    "branch_or_null": {"anyOf": [obj({"a": S}), {"type": "null"}]},
    "all_of_references": {"allOf": [ref("Paging"), obj({"q": S}, "q")], "type": "object"}
    | {"$defs": {"Paging": obj({"limit": I, "offset": I})}},
    "nested_root_unions": {
        "type": "object",
        "allOf": [{"anyOf": [needs("a"), needs("b")]}, {"anyOf": [needs("c"), needs("d")]}],
        "properties": {"a": S, "b": S, "c": S, "d": S},
    },
    "dependent_required": obj({"lat": N, "lon": N}, dependentRequired={"lat": ["lon"]}),
    "draft_7_dependencies": obj({"user": S, "pass": S}, dependencies={"user": ["pass"]}),
    "draft_7_schema_dependency": obj({"a": S, "b": S}, dependencies={"a": needs("b")}),
    "nullable_root": {"type": ["object", "null"], "properties": {"a": S}},
    # Older drafts.
    "draft_4_exclusive": obj({"p": {**N, "minimum": 0, "exclusiveMinimum": True}})
    | {"$schema": DRAFT_4, "id": "https://x.example/p"},
    "draft_4_not_exclusive": obj({"p": {**N, "maximum": 1, "exclusiveMaximum": False}}),
    "draft_3_required": {"type": "object", "properties": {"q": {**S, "required": True}, "n": I}},
    "draft_3_optional": {"properties": {"q": {**S, "required": False, "optional": True}}},
    "draft_3_any": obj({"v": {"type": "any"}}),
    "draft_3_divisible": obj({"v": {**I, "divisibleBy": 5}}),
    "draft_3_type_union": obj({"v": {"type": ["string", {"type": "object"}]}}),
    "draft_3_extends": obj({"v": {"extends": obj({"a": S})}}),
    "required_as_text": {"type": "object", "properties": {"q": S}, "required": "q"},
    "required_twice": obj({"q": S}, "q", "q"),
    "required_unknown": obj({"q": S}, "q", "gone"),
    # OpenAPI and Swagger.
    "openapi_nullable": obj({"note": {**S, "nullable": True}, "n": {**I, "nullable": False}}),
    "openapi_nullable_enum": obj({"state": {**enum("on", "off"), "nullable": True}}),
    "openapi_example": obj({"id": {**I, "format": "int64", "example": 10}}, "id"),
    "openapi_examples_map": obj({"id": {**S, "examples": {"first": {"value": "a"}}}}),
    "openapi_xml": obj({"id": {**S, "xml": {"attribute": True}}}, externalDocs={"url": "x"}),
    "openapi_component_reference": obj({"pet": {"$ref": "#/components/schemas/Pet"}}, "pet"),
    "openapi_with_components": obj({"pet": {"$ref": "#/components/schemas/Pet"}})
    | {"components": {"schemas": {"Pet": obj({"name": S}, "name")}}},
    "openapi_params_and_body": obj(
        {"path": obj({"id": S}, "id"), "query": obj({"limit": I}), "body": obj({"v": {}})}, "path"
    ),
    "swagger_file_type": obj({"upload": {"type": "file"}}),
    "swagger_collection_format": obj({"ids": {**arr(S), "collectionFormat": "csv"}}),
    "type_in_capitals": {"type": "OBJECT", "properties": {"q": {"type": "STRING"}}},
    "types_of_python": obj({"a": {"type": "str"}, "b": {"type": "int"}, "c": {"type": "list"}}),
    "types_of_rust": obj({"n": {**I, "format": "uint32", "minimum": 0.0}}),
    "schemars_definitions": obj({"q": {"anyOf": [ref("Q", "definitions"), {"type": "null"}]}})
    | {"definitions": {"Q": enum("x")}, "$schema": DRAFT_7, "title": "Args"},
    "go_struct": obj({"Owner": S, "Repo": S, "PerPage": {**N, "minimum": 1, "maximum": 100}}),
    "shorthand_types": {"type": "object", "properties": {"q": "string", "n": "number"}},
    "numbers_as_texts": obj({"q": {**S, "minLength": "1", "maxLength": "20"}}),
    "enum_of_one_null": obj({"v": {"enum": [None]}}),
    "enum_without_type": obj({"v": {"enum": ["a", 1, True]}}),
    "empty_enum": obj({"v": {**S, "enum": []}}),
    "default_of_another_type": obj({"v": {**I, "default": "10"}}),
    "boolean_schemas": obj({"yes": True, "no": False}),
    "null_property": obj({"v": None, "w": S}),
    "null_items": obj({"v": {"type": "array", "items": None}}),
    "array_without_items": obj({"v": {"type": "array"}}),
    "object_in_list_in_object": obj({"a": arr(obj({"b": arr(obj({"c": arr(S)}))}))}),
    "pattern_properties": obj({"h": {"type": "object", "patternProperties": {"^x-": S}}}),
    "pattern_with_lookahead": obj({"v": {**S, "pattern": r"^(?!https?://).+$"}}),
    "content_media_type": obj({"v": {**S, "contentEncoding": "base64"}}),
    "comment_and_vendor_keys": obj({"v": {**S, "$comment": "c", "x-order": 1, "markdown": "m"}}),
    "deprecated_flag": obj({"v": {**S, "deprecated": True, "readOnly": "no"}}),
    # References.
    "reference_to_root": obj({"child": {"$ref": "#"}, "name": S}),
    "reference_to_nothing": obj({"v": ref("Missing")}),
    "reference_elsewhere": obj({"v": {"$ref": "https://x.example/schema.json#/a"}}),
    "reference_by_anchor": obj({"v": {"$ref": "#thing"}})
    | {"$defs": {"T": {"$anchor": "thing", **S}}},
    "reference_by_id": obj({"v": {"$ref": "https://x.example/root#/$defs/T"}})
    | {"$id": "https://x.example/root", "$defs": {"T": S}},
    "reference_with_siblings": obj({"v": {**ref("T"), "description": "d", "default": 1}})
    | {"$defs": {"T": I}},
    "reference_to_reference": obj({"v": ref("A")}) | {"$defs": {"A": ref("B"), "B": S}},
    "definitions_within": obj({"v": {"$ref": "#/properties/w/$defs/T"}, "w": {"$defs": {"T": S}}}),
    "dynamic_reference": obj({"v": {"$dynamicRef": "#/$defs/T"}}) | {"$defs": {"T": S}},
    "twenty_definitions": obj({f"p{n}": ref(f"D{n}") for n in range(20)})
    | {"$defs": {f"D{n}": obj({"v": ref(f"D{n + 1}") if n < 19 else S}) for n in range(20)}},
    # Property keys that the API refuses.
    "odata_options": obj({"$filter": S, "$select": arr(S), "$top": I, "$count": B}),
    "brackets": obj({"filter[name]": S, "filter[id]": S, "exists[parent]": B}, "filter[name]"),
    "bracket_list": obj({"issue_types[]": arr(S), "rule_name[]": arr(S)}),
    "keys_with_spaces": obj({"Account Number": S, "Statement Period": obj({"From Date": S})}),
    "json_ld": obj({"@context": S, "@type": S, "@id": {**S, "format": "uri"}}, "@type"),
    "xml_names": obj({"soap:Envelope": obj({"soap:Body": S})}),
    "headers_by_name": obj({"X-Api-Key": S, "If-None-Match/Etag": S}),
    "key_too_long": obj(
        {"settings__approved__or__denied__countries__or__regions__approved__list": B}
    ),
    "two_keys_alike": obj({"a b": S, "a_b": S, "a/b": S, "a:b": S}, "a b", "a/b"),
    "keys_of_other_scripts": obj({"имя": S, "名前": S, "naïve": S}, "имя"),
    "key_of_marks_only": obj({"$": S, "": S, "*": S}),
    "refused_keys_deep_down": obj(
        {"where": arr(obj({"$and": arr(ref("Cond"))}))},
    )
    | {"$defs": {"Cond": obj({"$eq": {}, "$not": ref("Cond")})}},
    "refused_keys_in_branches": {
        "type": "object",
        "anyOf": [obj({"user@host": S}, "user@host"), obj({"user id": S}, "user id")],
    },
    "refused_keys_dependent": obj({"$a": S, "$b": S}, dependentRequired={"$a": ["$b"]}),
    "dots_and_dashes": obj({"projects.any": S, "per-page": I, "_meta": {}}),
    "keys_named_like_keywords": obj(
        {"type": S, "properties": obj({"required": B}), "enum": arr(S), "$ref": S}, "type"
    ),
    "patterns_of_javascript": obj({"a": {**S, "pattern": "^\\p{Lu}(?<n>x)?["}, "b": S})
    | {"patternProperties": {"^\\p{L}+$": S}, "additionalProperties": False},
    "numbers_without_end": obj({"a": {**N, "maximum": float("inf"), "default": float("nan")}}),
    "values_that_are_no_json": obj({"a": {**S, "default": {1, 2}}, "b": {"enum": [b"x", "y"]}}),
    "ids_as_anchors": obj({"a": {"$ref": "#word"}})
    | {"$schema": DRAFT_4, "definitions": {"Word": {"id": "#word", "type": "string"}}},
}
"""Schemas by the habit that they stand for."""

NAMES: Final = ("fs/read_file", "crm.accounts.list", "mcp:search", "a b", "x" * 140, "поиск")
"""Names of tools that the API refuses."""
