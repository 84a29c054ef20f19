"""What `Vertex` and `Bedrock` have in common: checks, and the protection of secrets.

Dumps and pickles contain no secret, only the names of the secrets that were given (``withheld``). A
copy made from one reads the environment variable that belongs to the secret, or raises an error at
its first use. It never uses another identity instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import pydantic
from langchain_core.load.serializable import Serializable

from langchain_claude_cloud.config import checks
from langchain_claude_cloud.errors import ConfigurationError
from langchain_claude_cloud.errors.types import Cloud


class CloudConfig(checks.CheckedArguments, Serializable):
    """What both clouds have in common: checks, and the protection of secrets."""

    model_config = pydantic.ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        defer_build=True,  # by the first instance: an import is to cost little
    )

    cloud: ClassVar[Cloud]
    _secrets: ClassVar[Mapping[str, str | None]]
    """What no copy keeps, and the environment variable that stands in for it, if there is one."""
    _withheld: frozenset[str] = pydantic.PrivateAttr(default_factory=frozenset)

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The environment variable that stands in for each secret."""
        return {name: variable for name, variable in self._secrets.items() if variable}

    @property
    def lc_attributes(self) -> dict[str, object]:
        """What a serialized form holds besides the fields: the names of what it lacks."""
        names = self._names_to_withhold()
        return {"withheld": names} if names else {}

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def _validate(cls, data: object, handler: pydantic.ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, Mapping):
            return handler(data)
        values = dict(data)
        withheld = values.pop("withheld", ())
        if not isinstance(withheld, list | tuple | frozenset) or {*withheld} - {*cls._secrets}:
            told = f"withheld lists names of: {', '.join(cls._secrets)}."
            raise checks.refusal(cls.__name__, told)
        checks.refuse_unknown(cls.__name__, values, cls.model_fields)
        config = handler(values)
        config._withheld = frozenset(withheld)  # noqa: SLF001  it is an instance of this class
        for name in cls.model_fields:
            checks.check_text(cls.__name__, name, getattr(config, name))
        config._refuse_contradictions()  # noqa: SLF001  as above
        return config

    @pydantic.model_serializer(mode="wrap")
    def _dump(self, handler: pydantic.SerializerFunctionWrapHandler) -> dict[str, object]:
        kept = {n: None if n in self._secrets else value for n, value in handler(self).items()}
        return {**kept, **self.lc_attributes}

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_"):  # pydantic's own refusal would show the value
            raise self._refusal(f"{name} cannot be changed; use model_copy(update=...).")
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[object, object]:
        kept = {**self.__dict__, **dict.fromkeys(self._secrets)}
        private = {"_withheld": frozenset(self._names_to_withhold())}
        return {**super().__getstate__(), "__dict__": kept, "__pydantic_private__": private}

    def __deepcopy__(self, memo: dict[int, object] | None = None) -> Self:
        # Credentials and sessions are shared on purpose: they hold locks and cached tokens.
        copied = self.__copy__()
        own = {name: dict(v) for name, v in self.__dict__.items() if isinstance(v, dict)}
        copied.__dict__.update(own)
        return copied

    def model_copy(self, *, update: Mapping[str, object] | None = None, deep: bool = False) -> Self:
        """Return a copy, secrets included; unlike pydantic's, it checks what is updated."""
        copied = super().model_copy(deep=deep)
        if not update:
            return copied
        values = {name: getattr(copied, name) for name in copied.model_fields_set}
        return type(self)(**{"withheld": self._withheld, **values, **update})

    def _names_to_withhold(self) -> list[str]:
        return [name for name in self._secrets if self._has(name)]

    def _has(self, *names: str) -> bool:
        """Whether any of the fields was given, to this instance or to what it comes from."""
        return any(getattr(self, name) is not None or name in self._withheld for name in names)

    def _refuse_contradictions(self) -> None:
        """Raise ConfigurationError for fields that do not go together."""
        raise NotImplementedError

    def _refusal(self, text: str) -> ConfigurationError:
        return checks.refusal(type(self).__name__, text)

    def _effective(self, field: str, *variables: str) -> str | None:
        """Return a field's text, from the first environment variable that is set if it has none."""
        value: str | None = getattr(self, field)
        return value or checks.from_environment(type(self).__name__, field, variables)

    def _pinned(self, **values: object) -> Self:
        """Return a copy with values of the environment, which are checked already."""
        copied = self.__copy__()
        copied.__dict__.update({name: value for name, value in values.items() if value})
        return copied

    def _from_environment(self, field: str, variable: str) -> pydantic.SecretStr | None:
        """Return a secret that the environment holds in place of a field."""
        text = checks.from_environment(type(self).__name__, field, (variable,))
        return pydantic.SecretStr(text) if text else None

    def given(self, name: str) -> object | None:
        """Return a secret, or an object such as a session, that was given.

        A copy that lost a secret on the way reads it from its environment variable.

        Raises:
            ConfigurationError: It is not there either, or a copy lost an object.
        """
        value: object | None = getattr(self, name)
        if value is not None or name not in self._withheld:
            return value
        variable = self._secrets[name]
        if variable and (value := self._from_environment(name, variable)):
            return value
        unset = f"{variable} is not set either. Set it, or pass" if variable else "Pass"
        told = f"{name} was given explicitly, and a pickled or serialized copy does not keep it."
        remedy = f"{unset} {name} again. No other credentials are used instead."
        raise self._refusal(f"{told} {remedy}")
