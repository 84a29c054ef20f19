"""Recordings as YAML that people read: texts of several lines as such, an event on one line."""

from __future__ import annotations

import yaml

_WIDTH = 2**30
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class OneLine(dict[str, object]):
    """A mapping that is written on one line."""


class _Quoted(str):
    """A text inside of a line."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # PyYAML's own
        """Write everything out, also what occurs twice."""
        return True

    def analyze_scalar(self, scalar: str) -> yaml.emitter.ScalarAnalysis:
        """Take texts with tabs or with blanks at the end of a line as blocks, too."""
        analysis = super().analyze_scalar(scalar)
        *_, last = scalar.split("\n")
        fits = bool(last.strip() or not last) and not scalar.startswith("\t")
        analysis.allow_block = fits and _is_plain(scalar)
        return analysis


def to_yaml(value: object) -> str:
    """Return YAML."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)


def from_yaml(text: str) -> object:
    """Return what YAML says.

    Raises:
        ValueError: It is not YAML.
    """
    try:
        value: object = yaml.load(text, Loader=_LOADER)  # noqa: S506  # both are safe ones
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    return value


def _on_one_line(value: object) -> object:
    if isinstance(value, dict):
        return {key: v if key == "type" else _on_one_line(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_on_one_line(each) for each in value]
    return _Quoted(value) if isinstance(value, str) else value


def _is_plain(text: str) -> bool:
    """Whether there are no control characters, to which other line breaks belong."""
    return text.replace("\t", " ").replace("\n", " ").isprintable()


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None if _is_plain(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _quoted(dumper: _Dumper, text: _Quoted) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')


def _line(dumper: _Dumper, value: OneLine) -> yaml.Node:
    plain = {key: v if key == "type" else _on_one_line(v) for key, v in value.items()}
    return dumper.represent_mapping("tag:yaml.org,2002:map", plain, flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(_Quoted, _quoted)
_Dumper.add_representer(OneLine, _line)
