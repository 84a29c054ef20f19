"""The error for a package that an extra installs."""

from __future__ import annotations


class MissingExtraError(ImportError):
    """A package is not installed that comes with an extra.

    Args:
        what: What needs it.
        package: The package, or several in words.
        extra: The extra.
    """

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs {package}, which the extra `{extra}` of langchain-claude-cloud "
            f"installs: in a checkout, pip install '.[{extra}]'"
        )
