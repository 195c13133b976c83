"""The configuration: read once from the environment, frozen, with a default for every value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from factorprism.core.errors import ConfigurationError
from factorprism.core.exchanges import EXCHANGES
from factorprism.core.publication import read_publication
from factorprism.core.setting import (
    HIDDEN,
    HOUR_AFTER_CLOSE,
    PATH,
    PREFIX,
    SECRET,
    Clock,
    Count,
    CountFromZero,
    Day,
    Flag,
    Folder,
    Hours,
    HoursByExchange,
    MappingSource,
    Number,
    OptionalFolder,
    Quantile,
    Ratio,
    Secret,
    Settings,
    Store,
    Variables,
    WebAddress,
    Whole,
    find_unknown,
    is_marked,
    variables_of,
)
from factorprism.core.symbols import exchange_of
from factorprism.core.tls import require_tls
from factorprism.core.universe import FILES_UNIVERSE, Universe, holds_universe, load_universe

if TYPE_CHECKING:
    from factorprism.core.calendar import TradingCalendar

__all__ = [
    "AIRFLOW_UI_URL",
    "LANGUAGES",
    "PREFIX",
    "SOURCES",
    "Config",
    "Setting",
    "describe_settings",
    "drop_unknown",
    "load_config",
    "name_unknown",
]

SourceName = Literal["sample", "files", "tushare"]
Language = Literal["en", "zh"]
SOURCES: tuple[str, ...] = get_args(SourceName)
LANGUAGES: tuple[str, ...] = get_args(Language)
DEFAULT_UNIVERSES = {"sample": "hs300", "files": "image4", "tushare": "image4"}
# Where Airflow reads the address of its own UI.
AIRFLOW_UI_URL = "AIRFLOW__API__BASE_URL"
TUSHARE_URL = "https://api.waditu.com/dataapi"
# OpenTelemetry's own names: of all telemetry, and of metrics alone.
OTLP, OTLP_METRICS = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"


PUBLISHED_AT = f"{PREFIX}PUBLISHED_AT_"
# The first names the setting where one name must stand for all.
HOURS = {f"{PUBLISHED_AT}{exchange}": exchange for exchange in ("XSHG", *EXCHANGES)}
# What became of settings that are gone.
GONE = {
    f"{PREFIX}{name.upper()}": f"It belongs to a signal now: {name} = {number} in signals.toml of "
    f"the home, or factorprism signals add NAME --{name} {number}."
    for name, number in (("horizon", 14), ("lookback", 56))
} | {f"{PREFIX}WITNESSES": f"It is called {PREFIX}ENSEMBLE_MEMBERS now."}


class Paths(Settings):
    """Where things are kept."""

    home: Folder = Field(description="everything that a run leaves behind")
    warehouse_url: Secret = Field("", description="PostgreSQL 14 or newer; empty: the embedded one")
    warehouse_owner_url: Secret = Field(
        "", description="the login that migrates; empty: that of the warehouse's URL"
    )
    warehouse_reader_url: Secret = Field(
        "", description="the login by which pages read; empty: that of the warehouse's URL"
    )
    tracking_url: Secret = Field("", description="MLflow's database; empty: in the same server")
    artefacts: Store = Field("", description="models and image sets; empty: HOME/artefacts")


class Bars(Settings):
    """Where bars come from, and when."""

    source: SourceName = Field("sample", description="which source is asked for bars")
    files: OptionalFolder = Field(None, description="the folder of the source files")
    history_start: Day = Field(date(2005, 1, 4), description="where a first load begins")
    tushare_url: str = Field(TUSHARE_URL, description="the vendor's address, by https")
    tushare_token: Annotated[Secret, Variables(("TUSHARE_TOKEN",))] = Field(
        "", description="the vendor's token"
    )
    tushare_calls_per_minute: Count = Field(200, description="your quota tier: 50, 200 or 500")
    published_at: Annotated[HoursByExchange, Variables(tuple(HOURS))] = Field(
        {}, description="when bars are asked for, by exchange and on its clock"
    )
    patience_until: Clock = Field(
        "08:30", description="missing bars are waited for until this hour, on the exchange's clock"
    )
    ask_again_seconds: Count = Field(300, description="between two checks for missing bars")
    repull_sessions: Whole = Field(
        20, description="asked for again each evening, so that revisions are seen"
    )
    missing_ratio_max: Ratio = Field(0.05, description="largest share of missing factor cells")
    set_aside_ratio_max: Ratio = Field(
        0.05, description="largest share of a pull's rows that may be set aside"
    )

    @field_validator("published_at")
    @classmethod
    def _check_hours(cls, hours: dict[str, str]) -> dict[str, str]:
        for exchange, text in hours.items():
            try:
                read_publication(text, exchange)
            except ValueError as exc:
                raise ConfigurationError(
                    f"{PUBLISHED_AT}{exchange} is {text!r}",
                    remedy=f"It must be {HOUR_AFTER_CLOSE}.",
                ) from exc
        return hours


class QuestionSettings(Settings):
    """What is asked."""

    universe_name: Annotated[str, Variables((f"{PREFIX}UNIVERSE",))] = Field(
        "hs300", description="of the default signal: hs300, image3, image4, us, or your own"
    )


class TrainingOptions(Settings):
    """How networks are trained."""

    model: str = Field("inception", description="the network, see models/zoo.py")
    seed: Whole = Field(14, description="another one gives other weights")
    epochs: Count = Field(30, description="of a training")
    ensemble_members: CountFromZero = Field(
        2, description="networks of other seeds, by which explanations are held against chance"
    )
    novelty_quantile: Quantile = Field(
        0.99, description="of past images' distances; beyond it a forecast is withheld"
    )
    threads: Count = Field(2, description="fixed, because another number gives other bits")
    training_gap_max_sessions: CountFromZero = Field(
        5, description="between the last image and the session of a training"
    )
    holdout_sessions: Whole = Field(
        120, description="kept from training, to evaluate champion and candidate on"
    )
    champion_max_age_sessions: Whole = Field(
        250, description="an older champion is retrained, not fine-tuned"
    )
    frozen_layers: str = Field(
        "", description="beginnings of layers' names, by commas, that a fine-tuning keeps"
    )


class ContestSettings(Settings):
    """Who is compared."""

    contest_networks: str = Field(
        "lenet5,mlp,inception,inception_time,resnet18,googlenet",
        description="networks of a full contest, by commas",
    )
    contest_folds: Count = Field(8, description="of a full contest, 250 sessions each")
    contest_hours: Hours = Field(8.0, description="that the weekly contest may take")


class PromotionSettings(Settings):
    """When a candidate becomes champion."""

    promotion_margin: Number = Field(0.0, description="least gain in mean loss over the champion")
    promotion_min_sessions: Whole = Field(
        60, description="least matured sessions that a promotion is evaluated on"
    )
    promotion_approval: Flag = Field(
        False, description="ask a person in Airflow before each promotion"
    )


class Retention(Settings):
    """What is kept, and for how long."""

    backups: OptionalFolder = Field(None, description="the warehouse's dumps; empty: HOME/backups")
    backups_kept: Count = Field(8, description="newest dumps; older ones go after a verified one")
    artefacts_kept_weeks: Count = Field(
        12, description="models and image sets that nothing refers to"
    )
    payloads_kept_days: Count = Field(400, description="content of merged pulls; hashes stay")
    files_kept_days: Count = Field(180, description="pictures and logs in the home")


class Reporting(Settings):
    """Who hears of it."""

    alerts_url: Secret = Field("", description="Apprise URLs: mail, chat, webhook")
    language: Language = Field("en", description="of messages")
    ui_url: WebAddress = Field(
        "", description="Airflow's UI as people open it; messages lead there"
    )
    metrics_url: Annotated[Secret, Variables((OTLP, OTLP_METRICS))] = Field(
        "", description="where metrics are sent; empty: nowhere"
    )
    log_format: Literal["text", "json"] = Field("text", description="json: one object a line")


GROUPS: tuple[type[Settings], ...] = (
    Paths,
    Bars,
    QuestionSettings,
    TrainingOptions,
    ContestSettings,
    PromotionSettings,
    Retention,
    Reporting,
)


class Config(
    Reporting,
    Retention,
    PromotionSettings,
    ContestSettings,
    TrainingOptions,
    QuestionSettings,
    Bars,
    Paths,
):
    """Every setting of one run.

    Ratios lie in [0, 1]; secrets never appear in the representation. What belongs to one question
    alone stands in its `Signal`. Raises `ConfigurationError` for a value that is not allowed.
    """

    @model_validator(mode="after")
    def _check_source(self) -> Config:
        if self.source == "files" and self.files is None:
            raise ConfigurationError(
                "source 'files' needs a folder",
                remedy=f"Set {PREFIX}FILES to a folder of CODE.csv or CODE.parquet.",
            )
        if self.source == "tushare" and not self.tushare_token:
            raise ConfigurationError(
                "source 'tushare' needs a token", remedy="Set TUSHARE_TOKEN in the environment."
            )
        return self

    @model_validator(mode="after")
    def _check_urls(self) -> Config:
        urls = ("warehouse_url", "warehouse_owner_url", "warehouse_reader_url", "tracking_url")
        for name in urls:
            require_tls(getattr(self, name), f"{PREFIX}{name.upper()}")
        for name in urls[1:3]:
            if getattr(self, name) and not self.warehouse_url:
                raise ConfigurationError(
                    f"{PREFIX}{name.upper()} is set, and {PREFIX}WAREHOUSE_URL is not",
                    remedy="Set both, or neither for the embedded PostgreSQL.",
                )
        return self

    def calendar_for(self, exchange: str) -> TradingCalendar:
        """Return the calendar of `exchange`, whose bars are final at the hour that is set."""
        # Imported here: whoever parses a DAG file reads settings, and no calendar.
        from factorprism.core.calendar import calendar_for

        calendar = calendar_for(exchange)
        published_at = self.published_at.get(exchange, EXCHANGES[exchange].published_at)
        return calendar.published_from(read_publication(published_at, exchange))

    def calendar_of(self, symbol: str) -> TradingCalendar:
        """Return the calendar of the exchange of `symbol`, as `calendar_for` does."""
        return self.calendar_for(exchange_of(symbol))

    @property
    def universe(self) -> Universe:
        return load_universe(self.universe_name, self.home)

    @property
    def artefacts_url(self) -> str:
        return self.artefacts or (self.home / "artefacts").as_uri()

    @property
    def owner_url(self) -> str:
        """The login that migrates the warehouse."""
        return self.warehouse_owner_url or self.warehouse_url

    @property
    def reader_url(self) -> str:
        """The login by which pages read the warehouse."""
        return self.warehouse_reader_url or self.warehouse_url

    @property
    def docs_folder(self) -> Path:
        """Where the browsable data docs are written."""
        return self.home / "data-docs"

    @property
    def backups_folder(self) -> Path:
        return self.backups or self.home / "backups"

    @property
    def logs_folder(self) -> Path:
        return self.home / "logs"

    def paths(self) -> dict[str, str]:
        """Return the settings that are paths on this machine, absolute, by their variables.

        For a process in another folder, where a relative path would lead elsewhere.
        """
        return {
            variables_of(name, field)[0]: str(getattr(self, name))
            for name, field in type(self).model_fields.items()
            if is_marked(field, PATH) and getattr(self, name)
        }

    def with_changes(self, **changes: Any) -> Config:
        """Return a copy with `changes`, validated again."""
        return Config(**(dict(self) | changes))


def load_config(environ: Mapping[str, str]) -> Config:
    """Read the configuration from `environ` (pass ``os.environ``).

    Raises `ConfigurationError` for a value that cannot be read or is not allowed, and for an
    unknown ``FACTORPRISM_`` name, since a misspelt setting would be ignored in silence.
    """
    for name, remedy in name_unknown(environ).items():
        raise ConfigurationError(f"unknown setting {name}", remedy=remedy)
    return Config(**_read_values(environ))


def _read_values(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what `environ` sets, and the defaults that follow from it."""
    values = MappingSource(Config, environ)()
    values |= {"metrics_url": _metrics_url(environ), "published_at": _published_at(environ)}
    values.setdefault("home", Path(".factorprism").resolve())
    values.setdefault("source", _default_source(values))
    if (pages := environ.get(AIRFLOW_UI_URL, "").strip()).startswith("http"):
        values.setdefault("ui_url", pages)
    values.setdefault("universe_name", _default_universe(values))
    return values


def _default_source(values: Mapping[str, Any]) -> str:
    """Return the source that a folder or a token stands for; who names a folder means its files."""
    if values.get("files"):
        return "files"
    return "tushare" if values.get("tushare_token") else "sample"


def _default_universe(values: Mapping[str, Any]) -> str:
    """Return the universe of the source, of files the one that the first run has made."""
    home = Path(values["home"]).expanduser()
    if values["source"] == "files" and holds_universe(FILES_UNIVERSE, home):
        return FILES_UNIVERSE
    return DEFAULT_UNIVERSES.get(values["source"], "hs300")


def _metrics_url(environ: Mapping[str, str]) -> str:
    """Return the address by OpenTelemetry's rules: one for metrics alone is taken as it stands."""
    alone, shared = (environ.get(name, "").strip() for name in (OTLP_METRICS, OTLP))
    return alone or (f"{shared.rstrip('/')}/v1/metrics" if shared else "")


def _published_at(environ: Mapping[str, str]) -> dict[str, str]:
    hours = {exchange: environ.get(name, "").strip() for name, exchange in HOURS.items()}
    return {exchange: text for exchange, text in hours.items() if text}


def name_unknown(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with our prefix that no setting has, each with what may be meant."""
    listed = "All are listed by: factorprism config"
    return {
        name: GONE.get(name) or (f"Did you mean {nearest}? {listed}" if nearest else listed)
        for name, nearest in find_unknown(Config, environ).items()
    }


def drop_unknown(environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` without what `name_unknown` names."""
    unknown = name_unknown(environ)
    return {name: text for name, text in environ.items() if name not in unknown}


@dataclass(frozen=True)
class Setting:
    """One setting as people see it; a secret that is set shows as asterisks."""

    group: str
    variable: str
    value: str
    default: str
    is_set: bool
    meaning: str


def describe_settings(environ: Mapping[str, str]) -> Iterator[Setting]:
    """Yield every setting under `environ`, by group, with the value that counts.

    Its default is the value without its variable, the others being as they are. Unknown names are
    passed over. Raises `ConfigurationError` as `load_config` does.
    """
    known = drop_unknown(environ)
    config = load_config(known)
    for group in GROUPS:
        for name, field in group.model_fields.items():
            variables = variables_of(name, field)
            rest = {key: text for key, text in known.items() if key not in variables}
            show = _hide if is_marked(field, SECRET) else _show
            yield Setting(
                (group.__doc__ or "").rstrip("."),
                variables[0],
                show(getattr(config, name)),
                show(_default(name, rest)),
                any(known.get(variable, "").strip() for variable in variables),
                field.description or "",
            )


def _default(name: str, environ: Mapping[str, str]) -> object:
    try:
        return getattr(load_config(environ), name)
    except ConfigurationError:
        return None  # one that must be set, as things are


def _show(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {held}" for name, held in value.items())
    return "" if value is None else str(value)


def _hide(value: object) -> str:
    return HIDDEN if value else ""
