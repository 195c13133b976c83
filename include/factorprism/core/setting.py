"""What one setting may be: its type, its limits in words, the variable that it is read from.

A group of settings is a class, a setting is a field of it; `describe_settings` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from factorprism.core.errors import ConfigurationError
from factorprism.core.publication import read_clock

PREFIX = "FACTORPRISM_"
HIDDEN = "********"


@dataclass(frozen=True)
class Allowed:
    """What a setting may be, in the words that follow "It must be"."""

    words: str


@dataclass(frozen=True)
class Variables:
    """The variables of a setting that is not named by the prefix and its field, first one first."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Marker:
    """A property of a setting that its type does not say."""

    name: str


SECRET = Marker("secret")
PATH = Marker("path on this machine")


def _read_path(value: object) -> object:
    """Return a path of the environment as an absolute one, anything else as it is."""
    return Path(value).expanduser().resolve() if isinstance(value, str) else value


def _read_store(value: object) -> object:
    """Return an fsspec URL as it stands, and a path as one of this machine's files."""
    if not isinstance(value, str) or not value or "://" in value or "::" in value:
        return value
    return Path(value).expanduser().resolve().as_uri()


def _read_day(value: object) -> object:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _require(fits: Callable[[Any], object]) -> AfterValidator:
    """Refuse a value of which `fits` is false, or raises ``ValueError``."""

    def check(value: Any) -> Any:
        if not fits(value):
            raise ValueError(value)
        return value

    return AfterValidator(check)


Count = Annotated[int, Field(ge=1), Allowed("a positive whole number")]
CountFromZero = Annotated[int, Field(ge=0), Allowed("a whole number from 0")]
Whole = Annotated[int, Allowed("a whole number")]
Number = Annotated[float, Allowed("a number")]
Ratio = Annotated[float, Field(ge=0.0, le=1.0), Allowed("a ratio from 0 to 1")]
Quantile = Annotated[float, Field(gt=0.0, lt=1.0), Allowed("between 0 and 1")]
Hours = Annotated[float, Field(gt=0.0), Allowed("a positive number of hours")]
Clock = Annotated[str, _require(read_clock), Allowed("an hour as 08:30")]
HOUR_AFTER_CLOSE = "an hour after the close, as 19:15, or 09:30+1 for the morning after"
HoursByExchange = Annotated[dict[str, str], Allowed(HOUR_AFTER_CLOSE)]
Day = Annotated[date, BeforeValidator(_read_day), Allowed("a date as 2005-01-04")]
Flag = Annotated[bool, Allowed("true or false")]
Folder = Annotated[Path, BeforeValidator(_read_path), PATH, Allowed("a path")]
OptionalFolder = Annotated[Path | None, BeforeValidator(_read_path), PATH, Allowed("a path")]
Store = Annotated[str, BeforeValidator(_read_store), PATH, Allowed("a folder or an fsspec URL")]
Secret = Annotated[str, Field(repr=False), SECRET]
WebAddress = Annotated[
    str,
    _require(lambda text: not text or text.startswith(("http://", "https://"))),
    Allowed("an http or https address"),
]


class Settings(BaseSettings):
    """A group of settings. Raises `ConfigurationError` for a value that is not allowed."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", allow_inf_nan=False
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as exc:
            raise _explain(type(self), exc) from None  # the cause shows what was given, secrets too

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take nothing from the process's environment: a run is given its own."""
        return (init_settings,)


class MappingSource(PydanticBaseSettingsSource):
    """Reads the fields that `environ` has a text for; blank ones count as absent."""

    def __init__(self, settings: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._environ = environ

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str, str, bool]:
        """Return the text of a field, empty where there is none."""
        texts = (self._environ.get(name, "").strip() for name in variables_of(field_name, field))
        return next(filter(None, texts), ""), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the texts by field."""
        fields = self.settings_cls.model_fields.items()
        texts = {name: self.get_field_value(field, name)[0] for name, field in fields}
        return {name: text for name, text in texts.items() if text}


def variables_of(name: str, field: FieldInfo) -> tuple[str, ...]:
    """Return the variables that the field `name` is read from, the one to be named first."""
    own = _find(field, Variables)
    return own.names if own else (PREFIX + name.upper(),)


def is_marked(field: FieldInfo, marker: Marker) -> bool:
    """Tell whether the field's type bears `marker`."""
    return marker in field.metadata


def find_unknown(settings: type[Settings], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with our prefix that no setting has, each with the nearest one's name.

    The nearest is empty where none is near.
    """
    fields = settings.model_fields.items()
    known = [variable for name, field in fields for variable in variables_of(name, field)]
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    return {name: _nearest(name, known) for name in unknown}


def _nearest(name: str, known: list[str]) -> str:
    # Without the prefix, by which all are alike.
    bare = {variable.removeprefix(PREFIX): variable for variable in known}
    found = get_close_matches(name.removeprefix(PREFIX), bare, 1)
    return bare[found[0]] if found else ""


def _explain(settings: type[Settings], exc: ValidationError) -> ConfigurationError:
    """Return the first fault in our own words."""
    fault = exc.errors(include_url=False)[0]
    name = str(fault["loc"][0]) if fault["loc"] else ""
    field = settings.model_fields.get(name)
    if field is None:
        return ConfigurationError(
            f"unknown setting {name!r}", remedy="All are listed by: factorprism config"
        )
    if fault["type"] == "missing":
        return ConfigurationError(
            f"{variables_of(name, field)[0]} is not set", remedy=f"It must be {allowed(field)}."
        )
    given = HIDDEN if is_marked(field, SECRET) else str(fault["input"])
    return ConfigurationError(
        f"{variables_of(name, field)[0]} is {given!r}", remedy=f"It must be {allowed(field)}."
    )


def allowed(field: FieldInfo) -> str:
    """Return what the field may be, in the words that follow "It must be"."""
    if get_origin(field.annotation) is Literal:
        return f"one of {', '.join(get_args(field.annotation))}"
    words = _find(field, Allowed)
    return words.words if words else "a text"


Metadata = TypeVar("Metadata")


def _find(field: FieldInfo, kind: type[Metadata]) -> Metadata | None:
    return next((item for item in field.metadata if isinstance(item, kind)), None)
