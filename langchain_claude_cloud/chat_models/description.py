"""What LangChain is told about a model: its ``ModelProfile``."""

from __future__ import annotations

from langchain_core.language_models.model_profile import ModelProfile

from langchain_claude_cloud.catalogue.resolution import ResolvedModel


def model_profile(resolved: ResolvedModel) -> dict[str, object]:
    """Return the keys of `langchain_core.language_models.ModelProfile` for a model.

    Only keys that the installed langchain-core declares: it warns about any other.
    """
    info, takes = resolved.info, resolved.capabilities
    facts: dict[str, object] = {
        "name": info.name if resolved.known else resolved.requested,
        "open_weights": False,
        "last_updated": info.released,  # when what is said here became so
        "max_input_tokens": info.context_window,
        "max_output_tokens": info.max_output_tokens,
        "reasoning_output": bool(takes.thinking_types),
        "temperature": takes.sampling,
        "tool_choice": takes.forced_tool_choice,
        "structured_output": takes.structured_output,
        "mid_conversation_system_messages": takes.mid_conversation_system,
        "mid_conversation_tools": False,  # a first-party beta, which neither cloud has
        "attachment": takes.image_input or takes.pdf_input,
    }
    images = ("image_inputs", "image_url_inputs", "image_tool_message")
    facts |= dict.fromkeys(images, takes.image_input)
    facts |= dict.fromkeys(("pdf_inputs", "pdf_tool_message"), takes.pdf_input)
    facts |= dict.fromkeys(
        ("text_inputs", "text_outputs", "tool_calling", "tool_call_streaming"), True
    )
    facts |= dict.fromkeys(("audio_inputs", "video_inputs"), False)
    facts |= dict.fromkeys(("image_outputs", "audio_outputs", "video_outputs"), False)
    if resolved.known:
        facts["release_date"] = info.released
        active = info.lifecycle(resolved.cloud).status == "active"
        facts["status"] = "active" if active else "deprecated"
    if takes.effort_levels:
        facts["reasoning_effort_levels"] = list(takes.effort_levels)
    if takes.effort_default:
        facts["reasoning_effort_default"] = takes.effort_default
    return {name: fact for name, fact in facts.items() if name in ModelProfile.__annotations__}
