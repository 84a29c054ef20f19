"""What a call asks of the model is sent as the model takes it, or refused."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from request_building import Q, build
from request_models import model_with

from langchain_claude_cloud.errors import InvalidInputError


class TestSampling:
    """Parameters that a model refuses are left out, with one notice."""

    GIVEN = {"temperature": 1.0, "top_p": 0.9, "top_k": 5}  # noqa: RUF012

    @pytest.mark.peer_defect(
        peers="ChatAnthropic, ChatBedrock, ChatAnthropicBedrock",
        defect="temperature, top_p and top_k go to models that refuse them: 400",
    )
    def test_models_without_sampling(self) -> None:
        """Even the defaults are refused by the newest."""
        request = build(model=model_with(sampling=False), **self.GIVEN)
        assert not self.GIVEN.keys() & request.body.keys()
        (notice,) = request.notices
        assert notice.startswith("temperature, top_p, top_k left out")

    def test_beside_thinking(self) -> None:
        """The API takes hardly any."""
        thinking = {"type": "enabled", "budget_tokens": 2000}
        request = build(thinking=thinking, **self.GIVEN)
        assert request.body["temperature"] == 1
        assert not {"top_p", "top_k"} & request.body.keys()
        assert request.notices == ("top_p, top_k left out: the API refuses that with thinking",)
        request = build(thinking="adaptive", temperature=0, top_p=0.97)
        assert "temperature" not in request.body
        assert request.body["top_p"] == 0.97
        assert build(thinking="disabled", temperature=0).body["temperature"] == 0

    def test_one_of_two(self) -> None:
        """Models from Opus 4.1 on take the temperature or `top_p`."""
        request = build(temperature=0.2, top_p=0.9)
        assert request.body["temperature"] == 0.2
        assert "top_p" not in request.body
        assert "top_p left out" in request.notices[0]
        older = build(model=model_with(sampling_pair=True), temperature=0.2, top_p=0.9)
        assert older.body["top_p"] == 0.9
        assert older.notices == ()

    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            ({"temperature": 0.2, "top_p": 1}, {"temperature": 0.2}),
            ({"temperature": 1, "top_p": 0.9}, {"top_p": 0.9}),
            ({"temperature": 1, "top_p": 1, "top_k": 3}, {"temperature": 1, "top_k": 3}),
            ({"temperature": 0.2}, {"temperature": 0.2}),
        ],
    )
    def test_a_default_is_not_sent_beside_another_value(
        self, given: dict[str, float], sent: dict[str, float]
    ) -> None:
        """Newer models refuse the two together."""
        request = build(**given)
        assert {name: request.body[name] for name in self.GIVEN if name in request.body} == sent
        assert request.notices == ()


class TestThinking:
    """Thinking is checked against what the model takes."""

    @pytest.mark.parametrize(
        ("given", "sent"),
        [
            ("adaptive", {"type": "adaptive"}),
            ("disabled", {"type": "disabled"}),
            (4096, {"type": "enabled", "budget_tokens": 4096}),
            (
                {"type": "adaptive", "display": "summarized"},
                {"type": "adaptive", "display": "summarized"},
            ),
            ({"type": "from_the_future"}, {"type": "from_the_future"}),
        ],
    )
    def test_forms(self, given: Any, sent: dict[str, Any]) -> None:
        """A dict, the name of a type, a budget."""
        assert build(thinking=given).body["thinking"] == sent

    @pytest.mark.parametrize(
        ("given", "takes", "says"),
        [
            (4096, {"adaptive", "disabled"}, "it takes adaptive, disabled.*'adaptive'.*effort.$"),
            (
                "adaptive",
                {"enabled", "disabled"},
                r"it takes disabled, enabled\. Use [^.]*4096}\.$",
            ),
            ("disabled", {"adaptive"}, "does not take thinking of type 'disabled'"),
            ("adaptive", set(), r"no thinking at all\. Leave it out\.$"),
        ],
    )
    def test_a_type_that_the_model_does_not_take(
        self, given: Any, takes: set[str], says: str
    ) -> None:
        """The error names what it takes; an unknown model decides for itself."""
        with pytest.raises(InvalidInputError, match=says):
            build(model=model_with(thinking_types=frozenset(takes)), thinking=given)
        unknown = model_with(thinking_types=frozenset(takes), known=False)
        assert build(model=unknown, thinking=given).body["thinking"]

    def test_no_thinking_where_there_is_none(self) -> None:
        """It is off already."""
        assert (
            "thinking"
            not in build(model=model_with(thinking_types=frozenset()), thinking="disabled").body
        )

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            (1000, r"\(1000\) must be at least 1024"),
            ("enabled", r"\(None\) must be at least 1024"),
            (2000, r"\(2000\) must .* less than max_tokens \(2000\)"),
            (True, "must be a dict"),
        ],
    )
    def test_budgets_that_the_api_refuses(self, given: Any, says: str) -> None:
        """They are refused before."""
        with pytest.raises(InvalidInputError, match=says):
            build(thinking=given, max_tokens=2000)

    @pytest.mark.parametrize(
        ("content", "answered", "kept"),
        [
            ("hi", True, False),
            ("", True, False),
            ([{"type": "thinking", "thinking": "hm", "signature": "s"}], True, True),
            ([{"type": "redacted_thinking", "data": "d"}], True, True),
            ("hi", False, True),
        ],
    )
    def test_an_answer_that_began_without_it_goes_on_without(
        self, content: Any, *, answered: bool, kept: bool
    ) -> None:
        """Such histories come from other models; the API refuses a budget for them."""
        call = {"name": "f", "args": {}, "id": "a"}
        history = [
            *Q,
            AIMessage(content, tool_calls=[call]),
            ToolMessage("1", tool_call_id="a"),
            *([] if answered else [AIMessage("done"), *Q]),
        ]
        request = build(history, thinking=2000)
        assert ("thinking" in request.body) is kept
        assert bool(request.notices) is not kept
        assert "thinking" in build(history, thinking="adaptive").body

    def test_a_prefill_has_no_thinking(self) -> None:
        """It is the beginning of the answer."""
        assert "thinking" not in build([*Q, AIMessage("{")], thinking=2000).body

    def test_interleaved_thinking_may_exceed_max_tokens(self) -> None:
        """Its budget is that of several answers."""
        betas = ("interleaved-thinking-2025-05-14",)
        assert build(thinking=4000, max_tokens=2000, betas=betas).body["thinking"]

    def test_betas_of_thinking(self) -> None:
        """Only where a field needs one."""
        thinking = {"type": "adaptive", "display": "updates", "block_binding": {}}
        assert build(thinking=thinking).betas == (
            "thinking-display-updates-2026-08-18",
            "thinking-binding-controls-2026-08-01",
        )
        assert build(thinking={"type": "adaptive", "display": "omitted"}).betas == ()


def test_effort_is_checked() -> None:
    """The error names the levels; an unknown model decides for itself."""
    with pytest.raises(InvalidInputError, match=r"'max'; it takes low, medium, high\."):
        build(effort="max")
    with pytest.raises(InvalidInputError, match="no effort: leave it out"):
        build(model=model_with(effort_levels=()), effort="low")
    assert build(model=model_with(effort_levels=(), known=False), effort="low").body[
        "output_config"
    ]


def test_stop_sequences_of_white_space_are_left_out() -> None:
    """The API refuses them."""
    request = build(stop_sequences=["\n\n", "END"])
    assert request.body["stop_sequences"] == ["END"]
    assert "white space" in request.notices[0]
    assert "stop_sequences" not in build(stop_sequences=["\n"]).body
    assert "stop_sequences" not in build(stop_sequences=[]).body
