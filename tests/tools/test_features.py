"""The documentation's feature tables say what the catalogue says."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import features
import pytest

from langchain_claude_cloud import Bedrock, Vertex
from langchain_claude_cloud.catalogue.models import Capabilities, all_models
from langchain_claude_cloud.platform.bedrock import BedrockPlatform
from langchain_claude_cloud.platform.vertex import VertexPlatform

PROJECT = Path(__file__).resolve().parent.parent.parent
PAGE = features.features_page()
README = (PROJECT / "README.md").read_text(encoding="utf-8")
AGAIN = "run `make features`"


def cells(text: str, start: str) -> list[str]:
    """Return the cells of the row that begins with a text."""
    [row] = [line for line in text.splitlines() if line.startswith(f"| {start} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def section(title: str) -> str:
    """Return a section of the page."""
    found = re.search(rf"^### {title}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_page_is_what_the_catalogue_makes() -> None:
    """Who changes a fact changes the documentation."""
    assert (PROJECT / "docs" / "features.md").read_text(encoding="utf-8") == PAGE, AGAIN


def test_the_readmes_section_is_what_the_catalogue_makes() -> None:
    """Between its markers, which stand under their heading."""
    assert features.replace_section(README) == README, AGAIN
    heading = README.index("## What works where")
    assert heading < README.index(features.BEGIN) < README.index("## ", heading + 3)


def test_writing_changes_the_section_and_nothing_else(tmp_path: Path) -> None:
    """A stale table is replaced, the text around it stays."""
    (tmp_path / "docs").mkdir()
    stale = f"before\n{features.BEGIN}\n| old |\n{features.END}\nafter\n"
    (tmp_path / "README.md").write_text(stale, encoding="utf-8")
    features.write(tmp_path)
    written = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert written == f"before\n{features.what_works_where()}\nafter\n"
    assert (tmp_path / "docs" / "features.md").read_text(encoding="utf-8") == PAGE
    with pytest.raises(ValueError, match="no section"):
        features.replace_section("a README without markers")


def test_every_model_is_there_with_its_ids() -> None:
    """Once under its names, and once in each table of a cloud that has it."""
    for model in all_models():
        row = cells(PAGE.partition("## On")[0], f"`{model.name}`")
        assert row[1] == (f"`{model.vertex_id}`" if model.vertex_id else "-")
        assert row[2] == (f"`{model.bedrock_id}`" if model.bedrock_id else "-")
        assert row[4:6] == [f"{model.context_window:,}", f"{model.max_output_tokens:,}"]
        places = 1 + 2 * bool(model.vertex_id) + 2 * bool(model.bedrock_id)
        assert len(re.findall(rf"^\| `{model.name}` \|", PAGE, re.MULTILINE)) == places


def test_every_capability_is_told() -> None:
    """Flipping any one changes the tables: no fact of the catalogue is left out of them."""
    model = all_models()[0]
    readers = [feature.read for feature in (*features._REQUESTS, *features._CONTEXT)]
    for field in dataclasses.fields(Capabilities):
        value = getattr(model.bedrock, field.name)
        other = {bool: not value, frozenset: frozenset({"x"}), tuple: ("x",)}.get(type(value), "x")
        changed = dataclasses.replace(model.bedrock, **{field.name: other})
        assert [read(changed) for read in readers] != [read(model.bedrock) for read in readers], (
            field.name
        )


def test_rows_say_what_is_known() -> None:
    """Some facts, as a reader finds them."""
    requests = section("Requests on Amazon Bedrock")
    assert cells(requests, "`claude-opus-4-1`")[1] == "beta"
    assert cells(requests, "`claude-sonnet-5-5`")[2] == "adaptive, between_tools (on)"
    assert cells(requests, "`claude-opus-4-7`")[7] == "no"
    assert cells(section("Requests on Vertex AI"), "`claude-opus-4-7`")[7] == "yes"
    context = section("Prompt and context on Amazon Bedrock")
    assert cells(context, "`claude-sonnet-4-5`")[1:3] == ["beta", "explicit"]
    assert cells(context, "`claude-sonnet-5`")[2:4] == ["explicit, automatic", "no"]
    assert "claude-mythos-preview" not in section("Requests on Vertex AI")


def test_the_endpoints_facts_are_the_codes() -> None:
    """Limits and versions as the platforms have them."""
    sizes = [
        VertexPlatform(Vertex(project="p")).max_body_bytes,
        BedrockPlatform(Bedrock(region="us-east-1")).max_body_bytes,
    ]
    expected = [f"{size // 1_000_000} MB" for size in sizes]
    for text in (PAGE.partition("## Names")[0], features.what_works_where()):
        assert cells(text, "largest request")[1:] == expected
    versions = [Vertex().anthropic_version, Bedrock().anthropic_version]
    assert cells(PAGE, "API version, in the body")[1:] == [f"`{each}`" for each in versions]


def test_by_model_means_that_models_differ() -> None:
    """One word is said where all models that are not retired agree."""
    table = features.what_works_where()
    assert cells(table, "strict tools")[1:] == ["yes", "by model"]
    assert cells(table, "web search, as a server tool")[1:] == ["yes", "no"]
    every, _, some = table.partition("with some models")
    assert "\n* PDFs\n" in every
    assert "\n* thinking\n" in some
    assert cells(table, "tool arguments as they are written")[1:] == [
        "a field of the tool",
        "a field or a beta, by model",
    ]
