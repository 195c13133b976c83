"""The configuration: read once from the environment, frozen, with a default for every value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from factorprism.core.calendar import TradingCalendar, calendar_for
from factorprism.core.errors import ConfigurationError
from factorprism.core.exchanges import EXCHANGES
from factorprism.core.publication import read_clock, read_publication
from factorprism.core.symbols import exchange_of
from factorprism.core.universe import Universe, load_universe

PREFIX = "FACTORPRISM_"
PUBLISHED_AT = f"{PREFIX}PUBLISHED_AT_"  # and the code of an exchange
SOURCES = ("sample", "files", "tushare")
LOG_FORMATS = ("text", "json")
LANGUAGES = ("en", "zh")
DEFAULT_UNIVERSES = {"sample": "hs300", "files": "image4", "tushare": "image4"}
# Where Airflow is told the address of its own UI.
AIRFLOW_UI_URL = "AIRFLOW__API__BASE_URL"
TUSHARE_URL = "https://api.waditu.com/dataapi"


@dataclass(frozen=True)
class Config:
    """Every setting of one run.

    `lookback` and `horizon` count sessions; ratios lie in [0, 1]; `tushare_token` never appears
    in the representation.
    """

    home: Path
    warehouse_url: str = field(default="", repr=False)  # empty: the embedded PostgreSQL
    tracking_url: str = field(default="", repr=False)  # empty: MLflow in the same server
    artefacts: str = ""  # an fsspec URL; empty: <home>/artefacts
    source: str = "sample"
    files: Path | None = None
    history_start: str = "2005-01-04"
    tushare_url: str = TUSHARE_URL
    tushare_token: str = field(default="", repr=False)
    tushare_calls_per_minute: int = 200
    # When bars are asked for, by the exchange's code and on its clock; 09:30+1 is the morning
    # after the session. An exchange that is not named has `Exchange.published_at`.
    published_at: Mapping[str, str] = field(default_factory=dict)
    patience_until: str = "08:30"  # missing bars are waited for until this hour comes, local clock
    ask_again_seconds: int = 300  # between two looks for bars that are missing
    universe_name: str = "hs300"
    lookback: int = 56
    horizon: int = 14
    missing_ratio_max: float = 0.05
    set_aside_ratio_max: float = 0.05  # of a pull's rows; more critical ones refuse it as a whole
    model: str = "inception"
    seed: int = 14
    epochs: int = 30
    witnesses: int = 2  # networks of other seeds, by which explanations are held against chance
    novelty_quantile: float = 0.99  # of past images' distances; farther ones are not forecast
    threads: int = 2  # fixed, because another number of threads gives other bits
    repull_sessions: int = 20  # asked for again every day, so that revisions are seen
    contest_networks: str = "lenet5,mlp,inception,inception_time,resnet18,googlenet"
    contest_folds: int = 8  # judged in the weekly contest, 250 sessions each
    contest_hours: float = 8.0  # that a contest of size night may take, by measured times
    training_gap_max_sessions: int = 5  # between the last image and the session of a training
    holdout_sessions: int = 120  # kept from training, to judge champion and candidate on
    champion_max_age_sessions: int = 250  # an older champion is retrained, not fine-tuned
    frozen_layers: str = ""  # beginnings of layers' names, by commas, that a fine-tuning keeps
    promotion_margin: float = 0.0  # least mean log-loss gain over the champion
    promotion_min_sessions: int = 60  # least matured sessions that a promotion is judged on
    promotion_approval: bool = False  # the weekly DAG asks a person before each promotion
    backups: Path | None = None  # None: <home>/backups
    backups_kept: int = 8  # newest ones; older ones go once a new one is verified
    artefacts_kept_weeks: int = 12  # models and image sets that nothing refers to
    payloads_kept_days: int = 400  # content of merged pulls; their rows and hashes stay for good
    files_kept_days: int = 180  # pictures and logs in the home
    alerts_url: str = field(default="", repr=False)  # Apprise URLs; empty: the table alone
    language: str = "en"  # of messages: en or zh
    ui_url: str = ""  # Airflow's UI, as people open it; messages lead there
    metrics_url: str = field(default="", repr=False)  # where OTLP metrics are sent; empty: nowhere
    log_format: str = "text"  # or json: one object a line, with session, pipeline and step

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise _invalid("SOURCE", self.source, f"one of {', '.join(SOURCES)}")
        if self.log_format not in LOG_FORMATS:
            raise _invalid("LOG_FORMAT", self.log_format, f"one of {', '.join(LOG_FORMATS)}")
        if self.source == "files" and self.files is None:
            raise ConfigurationError(
                "source 'files' needs a folder",
                remedy=f"Set {PREFIX}FILES to a folder of CODE.csv or CODE.parquet.",
            )
        if self.source == "tushare" and not self.tushare_token:
            raise ConfigurationError(
                "source 'tushare' needs a token", remedy="Set TUSHARE_TOKEN in the environment."
            )
        counts = ("lookback", "horizon", "tushare_calls_per_minute", "epochs", "threads")
        kept = ("backups_kept", "artefacts_kept_weeks", "payloads_kept_days", "files_kept_days")
        for name in (*counts, "contest_folds", "ask_again_seconds", *kept):
            if getattr(self, name) < 1:
                raise _invalid(name.upper(), str(getattr(self, name)), "a positive whole number")
        if self.contest_hours <= 0.0:
            raise _invalid("CONTEST_HOURS", str(self.contest_hours), "a positive number of hours")
        if self.training_gap_max_sessions < 0:
            gap = str(self.training_gap_max_sessions)
            raise _invalid("TRAINING_GAP_MAX_SESSIONS", gap, "a whole number from 0")
        if self.language not in LANGUAGES:
            raise _invalid("LANGUAGE", self.language, f"one of {', '.join(LANGUAGES)}")
        if self.ui_url and not self.ui_url.startswith(("http://", "https://")):
            raise _invalid("UI_URL", self.ui_url, "an http or https address")
        if self.witnesses < 0:
            raise _invalid("WITNESSES", str(self.witnesses), "a whole number from 0")
        if not 0.0 < self.novelty_quantile < 1.0:
            raise _invalid("NOVELTY_QUANTILE", str(self.novelty_quantile), "between 0 and 1")
        for name in ("missing_ratio_max", "set_aside_ratio_max"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise _invalid(name.upper(), str(getattr(self, name)), "a ratio from 0 to 1")
        self._check_hours()

    def _check_hours(self) -> None:
        for exchange, text in self.published_at.items():
            try:
                read_publication(text, exchange)
            except ValueError as exc:
                allowed = "an hour after the close, as 19:15, or 09:30+1 for the morning after"
                raise _invalid(f"PUBLISHED_AT_{exchange}", text, allowed) from exc
        try:
            read_clock(self.patience_until)
        except ValueError as exc:
            raise _invalid("PATIENCE_UNTIL", self.patience_until, "an hour as 08:30") from exc

    def calendar_for(self, exchange: str) -> TradingCalendar:
        """Return the calendar of `exchange`, whose bars are final at the hour that is set."""
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
        """Return the settings that name places on this machine, absolute, by their variables.

        For a process in another folder, where a relative path would lead elsewhere.
        """
        places = {
            "HOME": str(self.home),
            "FILES": str(self.files or ""),
            "BACKUPS": str(self.backups or ""),
            "ARTEFACTS": self.artefacts,
        }
        return {PREFIX + name: place for name, place in places.items() if place}

    def with_changes(self, **changes: Any) -> Config:
        """Return a copy with `changes`, validated again."""
        return replace(self, **changes)


def _read_bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _read_path(text: str) -> Path:
    return Path(text).expanduser().resolve()


def _read_place(text: str) -> str:
    """Return an fsspec URL as it stands, and a path as one of this machine's files."""
    return text if "://" in text or "::" in text else _read_path(text).as_uri()


# Environment names that differ from the field's own.
_NAMES = {"universe_name": "UNIVERSE"}
_PARSERS: Mapping[str, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": _read_bool,
    "Path": _read_path,
    "Path | None": _read_path,
}
_OWN_PARSERS: Mapping[str, Callable[[str], Any]] = {"artefacts": _read_place}


def load_config(environ: Mapping[str, str]) -> Config:
    """Read the configuration from `environ` (pass ``os.environ``).

    Raises `ConfigurationError` for a value that cannot be read or is not allowed, and for an
    unknown ``FACTORPRISM_`` name, since a misspelt setting would be ignored in silence.
    """
    names = {PREFIX + _NAMES.get(item.name, item.name.upper()): item for item in fields(Config)}
    # Two settings go by the names that the vendor and OpenTelemetry have given them.
    token = environ.get("TUSHARE_TOKEN", "").strip()
    for field_name in ("TUSHARE_TOKEN", "METRICS_URL", "PUBLISHED_AT"):
        names.pop(PREFIX + field_name)
    hours = {f"{PUBLISHED_AT}{exchange}": exchange for exchange in EXCHANGES}
    known = names.keys() | hours.keys()
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        listed = sorted([*names, f"{PUBLISHED_AT}<exchange>"])
        raise ConfigurationError(
            f"unknown setting {unknown[0]}", remedy=f"Known: {', '.join(listed)}."
        )
    values: dict[str, Any] = {
        "tushare_token": token,
        "metrics_url": _metrics_url(environ),
        "published_at": {
            exchange: text
            for name, exchange in hours.items()
            if (text := environ.get(name, "").strip())
        },
    }
    for name, item in names.items():
        text = environ.get(name, "").strip()
        if not text:
            continue
        try:
            read = _OWN_PARSERS.get(item.name) or _PARSERS[str(item.type)]
            values[item.name] = read(text)
        except ValueError as exc:
            raise _invalid(name.removeprefix(PREFIX), text, f"of type {item.type}") from exc
    values.setdefault("home", Path(".factorprism").resolve())
    values.setdefault("source", "tushare" if token else "sample")
    if (pages := environ.get(AIRFLOW_UI_URL, "").strip()).startswith("http"):
        values.setdefault("ui_url", pages)
    values.setdefault("universe_name", DEFAULT_UNIVERSES.get(values["source"], "hs300"))
    return Config(**values)


def _metrics_url(environ: Mapping[str, str]) -> str:
    """Return the address by OpenTelemetry's rules: one for metrics alone is taken as it stands."""
    alone = environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "").strip()
    shared = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    return alone or (f"{shared.rstrip('/')}/v1/metrics" if shared else "")


def _invalid(name: str, value: str, allowed: str) -> ConfigurationError:
    return ConfigurationError(f"{PREFIX}{name} is {value!r}", remedy=f"It must be {allowed}.")
