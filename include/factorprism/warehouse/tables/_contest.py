"""Tables of the contest and of the reasons: judged folds, reports, explanations of forecasts."""

from __future__ import annotations

from sqlalchemy import ARRAY, CheckConstraint, Date, Index, Integer, SmallInteger, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from factorprism.warehouse.tables._base import (
    DOUBLE,
    HORIZON,
    MODEL,
    TARGET,
    UNIVERSE,
    column,
    metadata,
    moment,
    sha256,
)

fold_forecasts = Table(
    "fold_forecasts",
    metadata,
    column(
        "fold_key", Text(), "SHA-256 of data, entrant, settings and sessions.", primary_key=True
    ),
    column("universe", Text(), UNIVERSE),
    column("horizon", Integer(), HORIZON),
    column("entrant", Text(), "Name of the network or baseline."),
    column("placebo", Text(), "What was done to the labels; empty: nothing."),
    column("settings", JSONB(), "Settings of the entrant and of its training."),
    column("sessions", ARRAY(Date()), "Judged sessions, ascending."),
    column("went_up", ARRAY(SmallInteger()), "1 where the target closed higher, else 0."),
    column("p_up", ARRAY(DOUBLE), "Calibrated probability of a rise, 0 to 1."),
    column("base_rate", ARRAY(DOUBLE), "Share of rises known when each forecast was made."),
    column("forward_return", ARRAY(DOUBLE), "The target's return over the horizon, a fraction."),
    column("return_estimate", ARRAY(DOUBLE), "Return expected under the forecast, a fraction."),
    column("return_base", ARRAY(DOUBLE), "Return expected under the base rate, a fraction."),
    moment("begun_at", "When the entrant began to learn; null: not known.", nullable=True),
    moment("judged_at", "When the forecasts were written.", server_default=func.clock_timestamp()),
    column("device", Text(), "What it was computed on; null: not known.", nullable=True),
    sha256("fold_key"),
    CheckConstraint("horizon >= 1", "horizon_is_positive"),
    CheckConstraint(
        "cardinality(sessions) = ALL (ARRAY[cardinality(went_up), cardinality(p_up), "
        "cardinality(base_rate), cardinality(forward_return), cardinality(return_estimate), "
        "cardinality(return_base)])",
        "columns_are_of_one_length",
    ),
    CheckConstraint("0 <= ALL (p_up) AND 1 >= ALL (p_up)", "p_up_is_ratio"),
    Index(None, "universe", "horizon", "entrant"),
    comment="Forecasts of the contest by entrant and fold: a fold that is held is not done again.",
)

contests = Table(
    "contests",
    metadata,
    column("universe", Text(), UNIVERSE, primary_key=True),
    column("horizon", Integer(), HORIZON, primary_key=True, autoincrement=False),
    column("as_of", Date(), "Last session that the contest knew.", primary_key=True),
    column("image_set_hash", Text(), "SHA-256 of the image set, hex."),
    column("sentence", Text(), "What the contest came to; losses come first."),
    column("content", JSONB(), "Figures of all entrants, placebos and accounts."),
    moment("tabulated_at", "When the report was last drawn from the folds."),
    sha256("image_set_hash"),
    CheckConstraint("sentence <> ''", "sentence_is_given"),
    comment="The contest's report of each week, drawn from the folds' forecasts alone.",
)

explanations = Table(
    "explanations",
    metadata,
    column("target", Text(), TARGET, primary_key=True),
    column("session", Date(), "Session whose close the forecast read last.", primary_key=True),
    column("horizon", Integer(), HORIZON, primary_key=True, autoincrement=False),
    column("model_id", Text(), MODEL, primary_key=True),
    column("attribution", JSONB(), "Share of channels, factors and days in the logit."),
    column("shapley", JSONB(), "Shapley values of the image's parts (SHAP)."),
    column("surrogate", JSONB(), "Weights of a local linear surrogate (LIME) and its fit."),
    column("baselines", JSONB(), "What the plain baselines' forecasts of the day are owed to."),
    column("stability", JSONB(), "Rank agreement with networks of other seeds, -1 to 1."),
    column("precedents", JSONB(), "Nearest past images, what followed, and the novelty limit."),
    moment("explained_at", "When the explanation was last written."),
    comment="Why each forecast came out as it did, and the past images most like the day's.",
)
