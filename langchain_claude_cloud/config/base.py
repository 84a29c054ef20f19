"""What `Vertex` and `Bedrock` have in common: checks, and the protection of secrets.

Dumps and pickles contain no secret, only the names of the secrets that were given (``withheld``). A
copy made from one reads the environment variable that belongs to the secret, or raises an error at
its first use. It never uses another identity instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from langchain_core.load.serializable import Serializable
from pydantic import (
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SecretStr,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from langchain_claude_cloud.config.checks import (
    CheckedArguments,
    check_text,
    from_environment,
    read_marker,
    refusal,
    refuse_unknown,
)
from langchain_claude_cloud.errors.types import Cloud


class CloudConfig(CheckedArguments, Serializable):
    """What both clouds have in common: checks, and the protection of secrets."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,  # by the first instance: an import is to cost little
    )

    cloud: ClassVar[Cloud]
    _example: ClassVar[str] = "region=..."
    _secret_variables: ClassVar[Mapping[str, str]]
    _object_fields: ClassVar[tuple[str, ...]]
    _withheld: frozenset[str] = PrivateAttr(default_factory=frozenset)

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        """Return where LangChain finds the class again."""
        return ["langchain_claude_cloud", "config"]

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The environment variable that stands in for each secret."""
        return dict(self._secret_variables)

    @property
    def lc_attributes(self) -> dict[str, object]:
        """What a serialized form holds besides the fields: the names of what it lacks."""
        names = self._names_to_withhold()
        return {"withheld": names} if names else {}

    @model_validator(mode="wrap")
    @classmethod
    def _validate(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, Mapping):
            return handler(data)
        values = dict(data)
        owner = cls.__name__
        withheld = read_marker(owner, values.pop("withheld", ()), cls._names_of_secrets())
        refuse_unknown(owner, values, cls.model_fields)
        config = handler(values)
        config._accept(withheld)  # noqa: SLF001  it is an instance of this class
        return config

    def _accept(self, withheld: frozenset[str]) -> None:
        self._withheld = withheld
        for name in type(self).model_fields:
            check_text(type(self).__name__, name, getattr(self, name))
        self._refuse_contradictions()

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        data: dict[str, object] = handler(self)
        data |= dict.fromkeys(set(self._secret_variables) & set(data))
        names = self._names_to_withhold()
        return {**data, "withheld": names} if names else data

    def __setattr__(self, name: str, value: object) -> None:
        if name in type(self).model_fields:  # pydantic's own refusal would show the value
            raise refusal(
                type(self).__name__, f"{name} cannot be changed; use model_copy(update=...)."
            )
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[object, object]:
        state = super().__getstate__()
        blanks = dict.fromkeys(self._names_of_secrets())
        private = {"_withheld": frozenset(self._names_to_withhold())}
        changed = {"__dict__": {**self.__dict__, **blanks}, "__pydantic_private__": private}
        return {**state, **changed}

    def __deepcopy__(self, memo: dict[int, object] | None = None) -> Self:
        # Credentials and sessions are shared on purpose: they hold locks and cached tokens.
        copied = self.__copy__()
        mappings = {k: dict(v) for k, v in self.__dict__.items() if isinstance(v, dict)}
        copied.__dict__.update(mappings)
        return copied

    def model_copy(self, *, update: Mapping[str, object] | None = None, deep: bool = False) -> Self:
        """Return a copy, secrets included; unlike pydantic's, it checks what is updated."""
        copied = super().model_copy(deep=deep)
        if not update:
            return copied
        values = {name: getattr(copied, name) for name in copied.model_fields_set}
        return type(self)(**{"withheld": self._withheld, **values, **update})

    @classmethod
    def _names_of_secrets(cls) -> tuple[str, ...]:
        return (*cls._secret_variables, *cls._object_fields)

    def _names_to_withhold(self) -> list[str]:
        return [name for name in self._names_of_secrets() if self._has(name)]

    def _has(self, *names: str) -> bool:
        """Whether any of the fields was given, to this instance or to what it comes from."""
        return any(getattr(self, name) is not None or name in self._withheld for name in names)

    def _refuse_contradictions(self) -> None:
        """Raise ConfigurationError for fields that do not go together."""
        raise NotImplementedError

    def secret(self, name: str) -> SecretStr | None:
        """Return a secret, from the environment if this instance lost it on the way.

        Raises:
            ConfigurationError: It is not in the environment either.
        """
        value: SecretStr | None = getattr(self, name)
        if value is not None or name not in self._withheld:
            return value
        variable = self._secret_variables[name]
        text = from_environment(type(self).__name__, name, (variable,))
        if text is None:
            raise refusal(
                type(self).__name__,
                f"{name} was given explicitly, and a pickled or serialized copy does not keep it; "
                f"{variable} is not set either. Set {variable}, or pass {name} again. No other "
                "credentials are used instead.",
            )
        return SecretStr(text)

    def given_object(self, name: str) -> object | None:
        """Return an object that was given, such as credentials or a session.

        Raises:
            ConfigurationError: This is a copy, which does not keep it.
        """
        value: object | None = getattr(self, name)
        if value is None and name in self._withheld:
            raise refusal(
                type(self).__name__,
                f"{name} was given as an object, and a pickled or serialized copy does not keep "
                f"it. Pass {name} again. No other credentials are used instead.",
            )
        return value
