"""What LangChain's other integrations for Claude get wrong, and the tests of what is right.

Versions: langchain-anthropic 1.7.7 (ChatAnthropic), langchain-google-vertexai 3.2.5
(ChatAnthropicVertex), langchain-aws 1.9.1 (ChatBedrock, ChatBedrockConverse,
ChatAnthropicBedrock). Messages, tools, structured output, results of streams, usage and
metadata; how requests are sent and what errors become is tested beside the transport.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Defect:
    """One defect.

    Attributes:
        peers: Who has it.
        does: What they do.
        right: What is right.
        tests: Where that is tested: ``file::name``, from the folder of the project.
    """

    peers: str
    does: str
    right: str
    tests: tuple[str, ...]


_CALLS: Final = "tests/request/test_request_calls.py"
_MESSAGES: Final = "tests/request/test_request_messages.py"
_BLOCKS: Final = "tests/request/test_request_blocks.py"
_ASSISTANT: Final = "tests/request/test_request_assistant.py"
_TOOLS: Final = "tests/request/test_request_tools.py"
_PREPARED_TOOLS: Final = "tests/request/test_request_prepared_tools.py"
_RECORDED: Final = "tests/request/test_request_differential.py"
_STREAMS: Final = "tests/response/test_response_stream.py"
_CUT: Final = "tests/response/test_cut_calls.py"
_REPLAYS: Final = "integration_tests/streams/test_replays.py"
_STRUCTURED: Final = "integration_tests/structured/test_structured.py"
_COUNTING: Final = "integration_tests/models/test_counting.py"
_STAND_IN: Final = "integration_tests/structured/test_structured_stand_in.py"
_SERVER: Final = "integration_tests/messages/test_server_tools.py"
_HERE: Final = "tests/test_peer_defects.py"
_CLOUD: Final = "integration_tests/other_clients/test_peer_defects_cloud.py"

_BOTH: Final = "ChatAnthropic, ChatAnthropicVertex"
_ALL: Final = "all of them"

MESSAGES: Final = (
    Defect(
        _BOTH,
        "a ChatMessage is a KeyError",
        "its role says whose it is",
        (f"{_MESSAGES}::test_chat_messages_go_by_their_role",),
    ),
    Defect(
        _BOTH,
        "text between a call and its result stays there: 400",
        "results come first in the user's turn",
        (f"{_CALLS}::test_results_come_before_other_content",),
    ),
    Defect(
        _ALL,
        "a second system message inside the conversation is a ValueError, or loses its place",
        "it stands where it was, or joins the system prompt",
        (
            f"{_MESSAGES}::test_one_in_the_conversation_stands_behind_a_user_turn",
            f"{_MESSAGES}::test_models_that_take_none_there_get_it_in_the_prompt",
        ),
    ),
    Defect(
        "ChatAnthropic",
        "system messages alone are sent as a conversation without messages: 400",
        "they are refused with what is missing",
        (f"{_MESSAGES}::test_system_alone_is_no_conversation",),
    ),
    Defect(
        _BOTH,
        "empty and blank text is sent: 400",
        "blank text is left out; a turn of nothing is an error here",
        (
            f"{_MESSAGES}::test_an_empty_user_turn_is_an_error",
            f"{_MESSAGES}::test_an_empty_message_beside_others_is_left_out",
            f"{_MESSAGES}::test_an_empty_answer_is_skipped",
            f"{_MESSAGES}::test_an_empty_one_is_none",
        ),
    ),
    Defect(
        "ChatAnthropic",
        "an image_url given as a string is a TypeError, and one's cache marker is lost",
        "both are taken",
        (f"{_HERE}::test_an_image_url_may_be_a_string_and_keeps_its_marker",),
    ),
    Defect(
        "ChatAnthropic",
        "a file of an earlier upload is sent in LangChain's form: 400",
        "it is refused: neither cloud has files",
        (f"{_BLOCKS}::test_a_block_is_refused_with_what_to_do",),
    ),
    Defect(
        "ChatAnthropic",
        "another model's reasoning is sent as it is",
        "it is left out",
        (f"{_ASSISTANT}::test_private_blocks_of_other_models_are_left_out",),
    ),
    Defect(
        _BOTH,
        "thinking without its signature is sent: 400",
        "it is left out",
        (f"{_ASSISTANT}::test_what_the_api_would_refuse_is_left_out",),
    ),
    Defect(
        "ChatAnthropic",
        "edits of tool_calls are ignored, since each block names its caller",
        "tool_calls win",
        (f"{_HERE}::test_edited_calls_win_over_blocks_that_name_their_caller",),
    ),
    Defect(
        "ChatAnthropic",
        "the cache marker of a call is lost",
        "it is kept",
        (
            f"{_HERE}::test_a_call_keeps_its_marker",
            f"{_RECORDED}::test_recorded_requests_come_out_again",
        ),
    ),
    Defect(
        "ChatAnthropic",
        "a call given as a standard block is sent twice",
        "it is sent once",
        (f"{_CALLS}::test_standard_calls_are_sent_once",),
    ),
    Defect(
        "ChatAnthropic",
        "names of called tools that another model made up are sent: 400",
        "they are put into a form that the API takes",
        (
            f"{_CALLS}::test_unfit_ids_are_mapped_on_both_sides",
            f"{_HERE}::test_names_of_other_models_calls_are_fitted",
        ),
    ),
    Defect(
        _BOTH,
        "blocks that streamed keep their index in history: 400",
        "it is taken off every block, known or not",
        (
            f"{_ASSISTANT}::test_leftovers_of_streams_are_taken_off",
            f"{_RECORDED}::test_recorded_streams_go_back_as_they_came",
        ),
    ),
    Defect(
        "ChatAnthropic",
        "Converse's reasoning with a valid signature is dropped",
        "it becomes thinking again",
        (f"{_ASSISTANT}::test_reasoning_of_converse_is_kept",),
    ),
    Defect(
        "ChatAnthropic",
        "a native tool_result without content is a KeyError",
        "it is a result without content",
        (f"{_HERE}::test_a_native_result_may_have_no_content",),
    ),
    Defect(
        "ChatAnthropic",
        "neighbouring AI messages stay apart",
        "they are one turn",
        (f"{_MESSAGES}::test_neighbours_of_one_role_become_one_turn",),
    ),
    Defect(
        "ChatAnthropic, ChatBedrock",
        "a call that never was valid goes back with an empty input, or poisons the thread",
        "the model reads its own text, and a result tells it what is wrong",
        (
            f"{_CALLS}::test_it_is_told_with_its_raw_text",
            "integration_tests/streams/test_invalid_json.py::test_a_cut_call_comes_back_wrapped_with_its_error_result",
        ),
    ),
    Defect(
        "ChatAnthropicVertex",
        "standard blocks in history are sent as they are",
        "they are translated back",
        (
            f"{_ASSISTANT}::test_standard_content_is_translated_back",
            f"{_RECORDED}::test_recorded_answers_go_back_as_they_came",
        ),
    ),
    Defect(
        "ChatAnthropicVertex",
        "a server tool's call loses its id in history: 400",
        "it goes back as it came",
        (f"{_RECORDED}::test_recorded_answers_go_back_as_they_came",),
    ),
    Defect(
        "ChatAnthropicVertex",
        "citations are dropped from history",
        "all five kinds go back",
        (f"{_HERE}::test_citations_of_every_kind_go_back",),
    ),
    Defect(
        "ChatBedrock",
        "the life of a cache marker is dropped, so that an hour becomes five minutes",
        "it is kept on every kind of block",
        (f"{_HERE}::test_the_life_of_a_marker_is_kept",),
    ),
    Defect(
        "ChatBedrockConverse",
        "cache markers of blocks are dropped",
        "they are kept",
        (f"{_HERE}::test_the_life_of_a_marker_is_kept",),
    ),
    Defect(
        "ChatBedrock",
        "a document moves in front of the text before it",
        "blocks stay in order",
        (f"{_HERE}::test_documents_stay_where_they_were",),
    ),
    Defect(
        "ChatBedrock, ChatBedrockConverse",
        "a PDF as a standard block, or a native document, is an error",
        "both are documents",
        (
            f"{_BLOCKS}::test_a_block_becomes_the_apis",
            f"{_HERE}::test_documents_stay_where_they_were",
        ),
    ),
    Defect(
        "ChatBedrockConverse",
        "a document in a tool's result is an error",
        "it is sent",
        (f"{_HERE}::test_a_result_may_hold_documents",),
    ),
    Defect(
        "ChatBedrock",
        "a failed tool is reported as a success",
        "is_error says it",
        (f"{_HERE}::test_a_failed_tool_is_reported_as_failed",),
    ),
    Defect(
        "ChatBedrock, ChatBedrockConverse",
        "the caller's last message is changed, and stop sequences stick to the model",
        "a call changes nothing",
        (
            "integration_tests/messages/test_bad_input.py::test_a_call_changes_nothing_of_its_caller",
            f"{_CLOUD}::test_stop_sequences_do_not_stick",
        ),
    ),
)

TOOLS: Final = (
    Defect(
        _ALL,
        "an unknown tool of Anthropic's is a KeyError",
        "it passes: the API knows it or says so",
        (f"{_HERE}::test_a_tool_of_a_type_not_known_yet_passes",),
    ),
    Defect(
        "ChatAnthropicVertex, ChatBedrock, ChatBedrockConverse",
        "server tools, bash, editor, memory and computer tools are a KeyError",
        "they are offered where the cloud takes them, under its betas",
        (
            f"{_SERVER}::test_a_server_tool_reaches_the_cloud_that_runs_it_or_is_refused_here",
            f"{_SERVER}::test_tools_that_the_caller_runs_are_offered_on_both_clouds",
        ),
    ),
    Defect(
        "ChatAnthropicBedrock",
        "tool search is sent under the first-party beta: 400",
        "each cloud's own name is used",
        (f"{_SERVER}::test_what_a_tool_says_in_its_extras_reaches_the_cloud",),
    ),
    Defect(
        "ChatAnthropic",
        "a tool with alternatives at the root is dropped with a warning",
        "they are laid over each other",
        (
            "tests/request/test_request_schema.py::test_alternatives_at_the_root_of_arguments_become_one_object",
        ),
    ),
    Defect(
        _BOTH,
        "tool_choice 'none' and 'required' become names of tools, and True is an error",
        "they are what they say",
        (f"{_TOOLS}::test_choices_of_every_form", f"{_TOOLS}::test_true_means_the_only_tool"),
    ),
    Defect(
        "ChatAnthropic",
        "parallel_tool_calls=False is put beside a choice of none: 400",
        "it is left out there",
        (f"{_PREPARED_TOOLS}::test_parallel_calls",),
    ),
    Defect(
        _BOTH,
        "a forced tool goes to models, and beside thinking, where it is refused: 400",
        "it is sent as auto",
        (f"{_PREPARED_TOOLS}::test_a_model_that_refuses_it", f"{_PREPARED_TOOLS}::test_thinking"),
    ),
    Defect(
        "ChatAnthropic, ChatAnthropicVertex, ChatBedrock",
        "strict is ignored for dicts, ignored altogether, or a TypeError",
        "it reaches the tool, with a schema that strict mode takes",
        (
            f"{_HERE}::test_strict_reaches_tools_of_every_form",
            f"{_STRUCTURED}::test_strict_reaches_the_tool",
        ),
    ),
    Defect(
        "ChatAnthropicVertex",
        "a tool without a description is a KeyError",
        "it needs none",
        (f"{_HERE}::test_a_tool_needs_no_description",),
    ),
    Defect(
        "ChatAnthropicVertex, ChatBedrockConverse",
        "extras of a tool, and eager_input_streaming, are dropped",
        "they are kept",
        (
            f"{_TOOLS}::test_extras_of_a_tool_are_kept",
            f"{_TOOLS}::test_an_anthropic_tool_keeps_all_of_its_keys",
        ),
    ),
    Defect(
        "ChatAnthropic",
        "context management is sent without its beta, or is a TypeError",
        "the beta comes with it",
        ("tests/request/test_request_body.py::test_context_management",),
    ),
)

RESULTS: Final = (
    Defect(
        "ChatAnthropicVertex, ChatBedrock, ChatBedrockConverse",
        "a server tool's stream becomes a call without name and id",
        "it is a block of content",
        (f"{_SERVER}::test_a_stream_with_server_tools_has_no_phantom_calls",),
    ),
    Defect(
        _ALL,
        "a call that max_tokens cut is repaired and looks whole",
        "it is invalid, on every path and after every round trip",
        (
            f"{_CUT}::test_all_paths_agree_on_a_broken_call",
            f"{_CUT}::test_no_round_trip_makes_a_broken_call_valid",
        ),
    ),
    Defect(
        _ALL,
        "an invalid call has no error",
        "the error says where it broke",
        (f"{_CUT}::test_the_error_says_where_malformed_arguments_broke",),
    ),
    Defect(
        "ChatAnthropic",
        "arguments of interleaved calls are lost",
        "each call keeps its own",
        (f"{_CUT}::test_interleaved_calls_keep_their_own_arguments",),
    ),
    Defect(
        "ChatBedrock, ChatBedrockConverse",
        "a streamed call's input is text, or empty, where an invoked one's is a dict",
        "they are the same",
        (f"{_REPLAYS}::test_a_recorded_stream_gives_one_message_on_every_path",),
    ),
    Defect(
        "ChatAnthropic, ChatAnthropicVertex",
        "models that think by default give a mix of text and blocks that loses the answer",
        "blocks are well formed",
        (f"{_STREAMS}::test_a_model_that_thinks_by_default_gives_well_formed_blocks",),
    ),
    Defect(
        "ChatAnthropicVertex, ChatBedrock",
        "redacted thinking is dropped from streams",
        "it is kept, and goes back",
        (f"{_CLOUD}::test_redacted_thinking_survives_every_path",),
    ),
    Defect(
        "ChatAnthropicVertex",
        "citations are dropped from answers, streamed or not",
        "all five kinds are there, in both versions",
        (f"{_CLOUD}::test_citations_of_every_kind_are_in_the_answer",),
    ),
    Defect(
        "ChatAnthropicVertex",
        "tool calls and thinking are not standard blocks",
        "they are",
        (f"{_REPLAYS}::test_a_recorded_stream_gives_one_message_on_every_path",),
    ),
    Defect(
        _BOTH,
        "absent fields stand in content as None",
        "they are absent",
        (f"{_CLOUD}::test_content_has_no_nulls",),
    ),
    Defect(
        "ChatAnthropic",
        "blocks of a type not known yet are dropped from streams",
        "they are kept",
        (f"{_STREAMS}::test_what_is_not_known_passes",),
    ),
    Defect(
        "ChatAnthropic",
        "content in message_start is lost",
        "it is the start of the answer",
        (f"{_STREAMS}::test_content_in_message_start_is_not_lost",),
    ),
    Defect(
        "ChatAnthropic",
        "a stream that ends without message_stop is a success",
        "it is an error that carries what arrived",
        (f"{_STREAMS}::test_a_stream_that_ends_early_is_an_error_with_what_had_arrived",),
    ),
    Defect(
        "ChatAnthropic",
        "an input that is no object is pydantic's own error",
        "it is an invalid call",
        (f"{_HERE}::test_an_input_that_is_no_object_is_an_invalid_call",),
    ),
)

USAGE_AND_METADATA: Final = (
    Defect(
        "ChatAnthropic, ChatBedrock",
        "usage of message_start is lost or added twice; without input tokens at the end it is 0",
        "later values win, absent ones keep the first, all is given once",
        (f"{_STREAMS}::test_usage_is_folded_and_given_once",),
    ),
    Defect(
        _ALL,
        "a stream's usage does not tell cache writes of five minutes from those of an hour",
        "it does",
        (f"{_STREAMS}::test_cache_writes_are_told_apart_by_their_time_to_live",),
    ),
    Defect(
        _BOTH,
        "usage of server tools and other raw counts are lost from streams",
        "the raw usage is in the metadata, the same on every path",
        (f"{_CLOUD}::test_raw_usage_is_in_the_metadata_of_every_path",),
    ),
    Defect(
        _BOTH,
        "the cloud's id of a message is lost from streams",
        "response_metadata['id'] has it; AIMessage.id is LangChain's own",
        (f"{_CLOUD}::test_a_message_has_langchains_id_and_the_clouds",),
    ),
    Defect(
        "ChatAnthropic",
        "stream_usage=False takes the model's name and the stop reason away",
        "it takes the usage away",
        (f"{_CLOUD}::test_without_usage_the_rest_of_the_metadata_stays",),
    ),
    Defect(
        "ChatAnthropic",
        "thinking of the constructor wins over that of a call",
        "the call's wins",
        (f"{_CLOUD}::test_what_a_call_says_of_thinking_wins",),
    ),
    Defect(
        "ChatAnthropic",
        "metadata of the API collides with LangChain's",
        "user_id reaches the cloud, metadata stays LangChain's",
        (f"{_CLOUD}::test_user_ids_reach_the_cloud",),
    ),
    Defect(
        "ChatAnthropic, ChatBedrock",
        "counting fails for tools of Anthropic's, ignores tools, or sends calls twice",
        "prompts are counted as they are sent",
        (f"{_COUNTING}::test_a_prompt_is_counted_with_its_tools",),
    ),
    Defect(
        "ChatAnthropicVertex",
        "LangChain's standard tests never ran",
        "they run on both clouds",
        ("integration_tests/standard/test_standard_vertex.py::TestVertexIntegration",
         "integration_tests/standard/test_standard_bedrock.py::TestBedrockIntegration"),
    ),
)  # fmt: skip

STRUCTURED_OUTPUT: Final = (
    Defect(
        "ChatAnthropic",
        "a reply without a call is None, one that was cut is parsed as far as it goes",
        "both are errors that carry the reply",
        (
            f"{_STRUCTURED}::test_a_reply_with_nothing_in_it_is_an_error",
            f"{_STRUCTURED}::test_a_cut_or_refused_reply_is_never_a_result",
        ),
    ),
    Defect(
        "ChatAnthropicVertex, ChatBedrock",
        "method and strict are swallowed, and a forced tool meets thinking: 400",
        "each method works on each model, with thinking and without",
        (
            f"{_STRUCTURED}::test_every_kind_of_schema_works_by_every_method_on_every_model",
            f"{_STRUCTURED}::test_every_way_of_asking_gives_a_whole_value_in_the_end",
        ),
    ),
    Defect(
        "ChatAnthropic",
        "a map in a schema of structured output is closed, and always empty",
        "it is asked for by a tool",
        (f"{_STAND_IN}::test_a_map_is_asked_for_by_a_tool",),
    ),
)

REQUESTS: Final = (
    Defect(
        "ChatAnthropic, ChatBedrock, ChatAnthropicBedrock",
        "temperature, top_p and top_k go to models that refuse them: 400",
        "they are left out with a notice",
        ("tests/request/test_request_parameters.py::test_models_without_sampling",),
    ),
    Defect(
        "ChatAnthropic",
        "a model by its cloud id, or not in a table of profiles, gets 4,096 tokens for its answer",
        "it gets the limit of its own, a new one that of its family",
        (
            "integration_tests/models/test_future_models.py::test_the_longest_answer_is_the_models_own",
        ),
    ),
    Defect(
        "ChatBedrock, ChatBedrockConverse",
        "models that are not on a list do not stream",
        "every model does",
        (
            "integration_tests/models/test_future_models.py::test_it_answers_streams_and_calls_tools",
        ),
    ),
    Defect(
        "ChatBedrock, ChatBedrockConverse",
        "a model behind an ARN loses its profile and its limits, or crashes",
        "the ARN is resolved at the first call",
        (
            "integration_tests/models/test_base_models.py::test_a_call_takes_the_models_own_limit",
            "integration_tests/models/test_base_models.py::test_the_control_plane_is_asked_once",
        ),
    ),
    Defect(
        "ChatAnthropicVertex, ChatBedrock, ChatBedrockConverse",
        "images and documents by URL are an error, refused, or fetched without limit on the loop",
        "they are fetched within limits, beside the loop",
        (
            "integration_tests/messages/test_options_media.py::test_every_form_becomes_the_apis",
            "tests/request/test_request_media.py::test_urls_are_replaced_by_content",
        ),
    ),
    Defect(
        "ChatAnthropic",
        "the cache marker of a call lands on thinking or on empty text: 400",
        "it is put on the last block that takes one",
        ("tests/request/test_request_caching.py::test_the_last_block_that_takes_one",),
    ),
    Defect(
        "ChatAnthropic",
        "the caching middleware loses a system prompt that is a list of strings, and knows its "
        "own model only",
        "nothing is lost",
        (
            "integration_tests/agents/test_middleware.py::test_an_agents_prompt_is_cached_and_loses_no_text",
        ),
    ),
    Defect(
        _ALL,
        "an answer that the API paused ends there",
        "it is gone on with",
        ("integration_tests/streams/test_pauses.py::test_a_paused_turn_is_one_message",),
    ),
    Defect(
        "ChatAnthropic, ChatBedrock",
        "trim_messages asks the cloud once per try, and fails on parts of a history",
        "one answer does for all parts",
        (f"{_COUNTING}::test_a_hundred_messages_are_trimmed_with_two_requests_at_most",),
    ),
    Defect(
        "ChatAnthropicVertex, ChatBedrock, ChatBedrockConverse",
        "tokens of new models, or any, are counted with another model's tokenizer: ImportError",
        "the cloud counts, or an estimate says how far it may be off",
        (
            f"{_COUNTING}::test_vertex_counts_in_a_region_and_under_a_name_of_its_own",
            f"{_COUNTING}::test_what_no_cloud_counts_is_estimated",
        ),
    ),
)

DEFECTS: Final = (
    *MESSAGES,
    *TOOLS,
    *RESULTS,
    *USAGE_AND_METADATA,
    *STRUCTURED_OUTPUT,
    *REQUESTS,
)
