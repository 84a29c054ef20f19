"""LangChain's standard test suites, as both clouds run them.

What differs between clouds and models is in the test modules; here is what the clouds
support, and how the suites' hooks are answered.
"""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import pytest
from clouds import MODEL, THINKING_MODEL, fetch_small, platform_of
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_tests.integration_tests import chat_models as suite_module

from langchain_claude_cloud import Bedrock, ChatClaudeCloud, Vertex
from langchain_claude_cloud.testing import CloudEmulator

load_module = importlib.import_module("langchain_core.load.load")  # its package hides it
Detail = Literal["reasoning_output", "cache_read_input", "cache_creation_input"]
_DETAILS: list[Detail] = ["reasoning_output", "cache_read_input", "cache_creation_input"]
_LONG = "The clouds serve the same model behind two different doors. " * 400


class CloudFlags:
    """What the clouds support: all that the suites know but audio, video and cassettes."""

    cloud: ClassVar[str]
    model_name: ClassVar[str] = MODEL

    @property
    def chat_model_class(self) -> type[ChatClaudeCloud]:
        """The class under test."""
        return ChatClaudeCloud

    @property
    def supports_json_mode(self) -> bool:
        """Structured outputs under another name."""
        return True

    @property
    def supports_image_inputs(self) -> bool:
        """Pictures as data."""
        return True

    @property
    def supports_image_urls(self) -> bool:
        """Pictures by URL, which the package fetches."""
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        """PDF documents as data."""
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        """The API's own blocks."""
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        """Pictures as a tool's result."""
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        """PDF documents as a tool's result."""
        return True

    @property
    def supported_usage_metadata_details(self) -> dict[str, list[Detail]]:
        """What of the usage is told apart."""
        return {"invoke": _DETAILS, "stream": _DETAILS}


class CloudUnit(CloudFlags):
    """The unit suite's hooks, which send nothing."""

    @pytest.fixture(autouse=True)
    def _listed_by_core(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the classes on core's list of what ``load(allowed_objects="all")`` may load.

        The list is closed; an application names the classes in ``allowed_objects``, the
        suite cannot.
        """
        ours = {tuple(kind.lc_id()) for kind in (ChatClaudeCloud, Vertex, Bedrock)}
        listed = load_module._get_default_allowed_class_paths("all") | ours
        monkeypatch.setitem(load_module._default_class_paths_cache, "all", listed)


class CloudIntegration(CloudFlags):
    """The integration suite's parameters and hooks, on an emulator."""

    emulator: CloudEmulator

    @pytest.fixture(autouse=True)
    def _on_the_emulator(self, emulator: CloudEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
        """Answer from the emulator; give the suite small files for those it downloads."""
        self.emulator = emulator

        def get(url: str, **_: object) -> SimpleNamespace:
            return SimpleNamespace(content=fetch_small(url))

        monkeypatch.setattr(suite_module, "httpx", SimpleNamespace(get=get))

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """The model under test; a picture by URL is served here, too."""
        platform = platform_of(self.emulator, self.cloud)
        return {"model": self.model_name, "platform": platform, "url_fetcher": fetch_small}

    @property
    def model_override_value(self) -> str:
        """Another model."""
        return "claude-opus-4-8"

    def invoke_with_cache_creation_input(self, *, stream: bool = False) -> AIMessage:
        """Ask with a long prompt that is to be cached."""
        return self._ask(MODEL, self._cached_prompt("created"), stream=stream)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        """Ask twice with a long prompt that is to be cached."""
        prompt = self._cached_prompt("read")
        self._ask(MODEL, prompt, stream=stream)
        answer = self._ask(MODEL, prompt, stream=stream)
        assert answer.usage_metadata is not None
        assert answer.usage_metadata["input_token_details"]["cache_read"] > 0
        return answer

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        """Ask a model that thinks."""
        return self._ask(THINKING_MODEL, [HumanMessage("Think about tea.")], stream=stream)

    def _cached_prompt(self, what: str) -> list[Any]:
        block = {"type": "text", "text": what + _LONG, "cache_control": {"type": "ephemeral"}}
        return [SystemMessage([block]), HumanMessage("Sum it up.")]

    def _ask(self, model: str, messages: list[Any], *, stream: bool) -> AIMessage:
        llm = ChatClaudeCloud(
            model=model, platform=platform_of(self.emulator, self.cloud), max_tokens=2048
        )
        if not stream:
            return llm.invoke(messages)
        chunks = list(llm.stream(messages))
        merged = chunks[0] + chunks[1:]
        assert isinstance(merged, AIMessage)
        return merged
