"""The configuration: read once from the environment, frozen, with a default for every value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from factorprism.core.errors import ConfigurationError
from factorprism.core.universe import Universe, load_universe

PREFIX = "FACTORPRISM_"
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
    universe_name: str = "hs300"
    lookback: int = 56
    horizon: int = 14
    missing_ratio_max: float = 0.05
    model: str = "inception"
    seed: int = 14
    epochs: int = 30
    witnesses: int = 2  # networks of other seeds, by which explanations are held against chance
    novelty_quantile: float = 0.99  # of past images' distances; farther ones are not forecast
    threads: int = 2  # fixed, because another number of threads gives other bits
    repull_sessions: int = 20  # asked for again every day, so that revisions are seen
    contest_networks: str = "lenet5,mlp,inception,inception_time,resnet18,googlenet"
    contest_folds: int = 8  # judged in the weekly contest, 250 sessions each
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
        for name in (*counts, "contest_folds", *kept):
            if getattr(self, name) < 1:
                raise _invalid(name.upper(), str(getattr(self, name)), "a positive whole number")
        if self.language not in LANGUAGES:
            raise _invalid("LANGUAGE", self.language, f"one of {', '.join(LANGUAGES)}")
        if self.ui_url and not self.ui_url.startswith(("http://", "https://")):
            raise _invalid("UI_URL", self.ui_url, "an http or https address")
        if self.witnesses < 0:
            raise _invalid("WITNESSES", str(self.witnesses), "a whole number from 0")
        if not 0.0 < self.novelty_quantile < 1.0:
            raise _invalid("NOVELTY_QUANTILE", str(self.novelty_quantile), "between 0 and 1")
        if not 0.0 <= self.missing_ratio_max <= 1.0:
            raise _invalid("MISSING_RATIO_MAX", str(self.missing_ratio_max), "a ratio from 0 to 1")

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
    for field_name in ("TUSHARE_TOKEN", "METRICS_URL"):
        names.pop(PREFIX + field_name)
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in names)
    if unknown:
        raise ConfigurationError(
            f"unknown setting {unknown[0]}", remedy=f"Known: {', '.join(sorted(names))}."
        )
    values: dict[str, Any] = {"tushare_token": token, "metrics_url": _metrics_url(environ)}
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
