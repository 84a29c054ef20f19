"""Arguments of other classes: each has a name here, or a reason why not, and the error says it."""

from __future__ import annotations

import os
import runpy
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest
from document_migration import PEERS
from pydantic import BaseModel

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.config.migration import equivalents
from langchain_claude_cloud.errors import ConfigurationError, InvalidInputError

PROJECT: Final = Path(__file__).resolve().parent.parent.parent
MODULES: Final = {
    "ChatAnthropic": "langchain_anthropic",
    "ChatAnthropicVertex": "langchain_google_vertexai.model_garden",
    "ChatBedrock": "langchain_aws",
    "ChatBedrockConverse": "langchain_aws",
    "ChatAnthropicBedrock": "langchain_aws.chat_models.anthropic",
}


@pytest.mark.parametrize(("letter", "name"), PEERS.items())
@pytest.mark.filterwarnings("ignore")
def test_every_argument_of_a_peer_is_in_the_table(letter: str, name: str) -> None:
    """Read from the peer itself, in an environment that has it: ``make test-peers``."""
    if os.environ.get("PEERS_ARE_INSTALLED"):
        module = import_module(MODULES[name])
    else:
        module = pytest.importorskip(MODULES[name], reason="make test-peers has it")
    fields = getattr(module, name).model_fields
    taken = {*fields, *(f.alias for f in fields.values() if isinstance(f.alias, str))}
    known = {argument for argument, row in equivalents().items() if letter in row.peers}
    assert not taken - known, "add them to langchain_claude_cloud/config/migration.toml"


def test_what_the_table_promises_is_there() -> None:
    """Each name here is a field of the class that it is said to be of; nothing else lacks a why."""
    owners = {"model": ChatClaudeCloud, "Vertex": Vertex, "Bedrock": Bedrock}
    assert len(equivalents()) > 100
    for name, known in equivalents().items():
        assert set(known.peers) <= set(PEERS), name
        if known.owner is None:
            assert known.field is None, name
            assert known.why, name
        else:
            assert known.field in owners[known.owner].model_fields, name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("region_name", "platform=Bedrock\\(region=...\\)"),
        ("location", "platform=Vertex\\(region=...\\)"),
        ("aws_session_token", "platform=Bedrock\\(session_token=...\\)"),
        ("credentials_profile_name", "platform=Bedrock\\(profile=...\\)"),
        ("guardrails", "platform=Bedrock\\(guardrail=...\\)"),
        ("default_request_timeout", "Did you mean 'timeout'"),
        ("additional_model_request_fields", "Did you mean 'model_kwargs'"),
        ("max_output_tokens", "Did you mean 'max_tokens'"),
        ("reasoning_effort", "Did you mean 'effort'"),
        ("effort_level", "Did you mean 'effort'"),
        ("frequency_penalty", "no equivalent here: Claude does not take it"),
        ("max_tokenz", "Did you mean 'max_tokens'"),
        ("aws_region", "platform=Bedrock\\(region=...\\)"),
        ("aws_profile", "platform=Bedrock\\(profile=...\\)"),
        ("vertex_location", "platform=Vertex\\(region=...\\)"),
        ("request_timeout", "Did you mean 'timeout'"),
        ("api_base", "Did you mean 'base_url'"),
        ("bearer_token", "Did you mean 'api_key'"),
        ("inference_profile_arn", "Did you mean 'model'"),
        ("http_proxy", "set HTTPS_PROXY"),
        ("system_prompt", "give a SystemMessage"),
        ("gcp_region", "platform=Vertex\\(region=...\\)"),
        ("bedrock_region", "platform=Bedrock\\(region=...\\)"),
        ("google_cloud_project", "platform=Vertex\\(project=...\\)"),
        ("awsAccessKeyId", "platform=Bedrock\\(access_key_id=...\\)"),
        ("boto3_session", "platform=Bedrock\\(session=...\\)"),
        ("assume_role_arn", "platform=Bedrock\\(role_arn=...\\)"),
        ("topK", "Did you mean 'top_k'"),
        ("extra_headers", "Did you mean 'default_headers'"),
        ("auth_token", "Did you mean 'api_key'"),
        ("https_proxy", "set HTTPS_PROXY"),
        ("regions", "platform=Bedrock\\(region=...\\)"),
        ("scopes", "It has: "),
        ("fallback", "Did you mean 'platform'"),
        ("server", "It has: "),
        ("long_contexts", "Did you mean 'context_1m'"),
        ("transform", "It has: "),
        ("verbosity", "Did you mean 'effort'"),
        ("stream_options", "Did you mean 'stream_usage'"),
        ("toolConfig", "give tools and tool_choice to bind_tools"),
        ("model_provider", "Did you mean 'platform'"),
        ("credentials_profile", "platform=Bedrock\\(profile=...\\)"),
        ("openai_api_key", "no platform here is OpenAI's"),
        ("externalId", "platform=Bedrock\\(external_id=...\\)"),
        ("aws_external_id", "platform=Bedrock\\(external_id=...\\)"),
        ("metadata_user_id", "Did you mean 'user_id'"),
        ("project", "platform=Vertex\\(project=...\\) .*platform=Bedrock\\(project=...\\)"),
    ],
)
def test_the_error_names_the_argument_of_ours(name: str, words: str) -> None:
    """A name that only looks alike is not proposed in its place."""
    with pytest.raises(ConfigurationError, match=words):
        ChatClaudeCloud(model="claude-opus-5", platform="vertex", **{name: "x"})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Bedrock(region_name="us-east-1"), "Did you mean 'region'"),
        (lambda: Bedrock(endpoint_url="https://x.test"), "Did you mean 'base_url'"),
        (lambda: Bedrock(bedrock_api_key="x"), "Did you mean 'api_key'"),
        (lambda: Vertex(location="eu"), "Did you mean 'region'"),
        (lambda: Vertex(project_id="p"), "Did you mean 'project'"),
        (lambda: Vertex(max_output_tokens=5), "max_tokens=... of the model"),
        (lambda: Vertex(region_name="eu"), "Did you mean 'region'"),
        (lambda: Bedrock(safety_settings={}), "no equivalent"),
        (lambda: Bedrock(api_keys="x"), "Did you mean 'api_key'"),
        (lambda: Vertex(credentials_path="x"), "GOOGLE_APPLICATION_CREDENTIALS"),
    ],
)
def test_the_platforms_know_them_too(make: Callable[[], object], words: str) -> None:
    """Who moves an argument along with its name is told the name."""
    with pytest.raises(ConfigurationError, match=words):
        make()


def test_every_argument_that_is_not_known_is_told() -> None:
    """Who comes with a dozen of another class's arguments mends them in one go."""
    with pytest.raises(ConfigurationError) as caught:
        ChatClaudeCloud(
            model="claude-opus-5",
            platform="vertex",
            region_name="us-east-1",
            temperatur=1,
            zzz=1,
            zzzz=1,
        )
    text = str(caught.value)
    assert "'region_name'. Here it is platform=Bedrock(region=...)." in text
    assert "'temperatur'. Did you mean 'temperature'?" in text
    assert "'zzz'. And there is no field 'zzzz'. It has: " in text
    assert text.count("It has: ") == 1


@pytest.mark.parametrize("owner", [ChatClaudeCloud, Vertex, Bedrock])
def test_each_class_knows_the_others_arguments(owner: type[BaseModel]) -> None:
    """An argument of ours that is given to another of the three is told its place."""
    every: tuple[type[BaseModel], ...] = (ChatClaudeCloud, Vertex, Bedrock)
    others = {name for kind in every for name in kind.model_fields}
    for name in others - owner.model_fields.keys():
        with pytest.raises(ConfigurationError, match=f"Here it is .*{name}=\\.\\.\\."):
            owner(**{name: "x"})


def test_a_call_knows_them_too() -> None:
    """An option of a call is refused before anything is sent."""
    llm = ChatClaudeCloud(model="claude-opus-5", platform=Vertex(project="p", access_token="t"))
    for name, words in [
        ("max_output_tokens", "Did you mean 'max_tokens'"),
        ("guardrails", "Did you mean 'guardrail'"),
        ("region", "platform=Bedrock\\(region=...\\) .*platform=Vertex\\(region=...\\)"),
        ("inference_profile", "platform=Bedrock\\(inference_profile=...\\)"),
        ("aws_session_token", "platform=Bedrock\\(session_token=...\\)"),
        ("new_field_of_the_api", "model_kwargs"),
    ]:
        with pytest.raises(InvalidInputError, match=words):
            llm.invoke("hi", **{name: 5})  # type: ignore[arg-type]  # the names vary


def test_the_page_is_what_the_table_makes() -> None:
    """Who adds an argument adds its line to the documentation."""
    made = runpy.run_path(str(PROJECT / "tools" / "document_migration.py"))["migration_page"]()
    page = PROJECT / "docs" / "migration.md"
    assert page.read_text(encoding="utf-8") == made, "run `make migration`"
