"""Tables of the models: what they were trained on, how they were judged, who holds the title."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from factorprism.warehouse.tables._base import (
    DOUBLE,
    HORIZON,
    MODEL,
    UNIVERSE,
    column,
    metadata,
    moment,
    ratio,
    sha256,
)

image_sets = Table(
    "image_sets",
    metadata,
    column("image_set_hash", Text(), "SHA-256 of the set's content, hex.", primary_key=True),
    column("universe", Text(), UNIVERSE),
    column("first_session", Date(), "First session of the set."),
    column("last_session", Date(), "Last session of the set."),
    column("spec", JSONB(), "How the images are cut: lookback in sessions, channels."),
    column("path", Text(), "Where the set lies in the artefact store."),
    moment("saved_at", "When the set was recorded.", server_default=func.clock_timestamp()),
    CheckConstraint("first_session <= last_session", "range_is_ordered"),
    sha256("image_set_hash"),
    comment="Image sets that models were trained on.",
)

models = Table(
    "models",
    metadata,
    column("model_id", Text(), MODEL, primary_key=True),
    column("architecture", Text(), "Name of the network."),
    column("universe", Text(), UNIVERSE),
    column("horizon", Integer(), HORIZON),
    column("lookback", Integer(), "Sessions in one image."),
    column("channels", ARRAY(Text()), "Symbols laid over one another, target first."),
    column("factors", ARRAY(Text()), "Factors in the order of the image's rows."),
    column("trained_from", Date(), "First session that the training read."),
    column("trained_through", Date(), "Last session whose close training or labels read."),
    column("n_samples", Integer(), "Images that the model was trained on."),
    column("base_rate", DOUBLE, "Share of up labels in the training data, 0 to 1."),
    column("data_hash", Text(), "SHA-256 of the data that the model was trained on, hex."),
    column("artefact_hash", Text(), "SHA-256 of the stored bundle's manifest, hex."),
    column("mode", Text(), "How it was trained: retrain or fine_tune."),
    column("parent_id", Text(), "Model that fine-tuning started from; empty: none."),
    column("spec", JSONB(), "Settings of the network and of its training."),
    moment("saved_at", "When the model was recorded.", server_default=func.clock_timestamp()),
    CheckConstraint("horizon >= 1", "horizon_is_positive"),
    CheckConstraint("lookback >= 1", "lookback_is_positive"),
    CheckConstraint("n_samples >= 0", "n_samples_is_count"),
    CheckConstraint("trained_from <= trained_through", "range_is_ordered"),
    ratio("base_rate"),
    Index(None, "universe", "horizon"),
    comment="Trained models; a model never changes once it is recorded.",
)

trainings = Table(
    "trainings",
    metadata,
    column("model_id", Text(), MODEL, ForeignKey(models.c.model_id), primary_key=True),
    column("epochs", JSONB(), "A list with the figures of each epoch, first to last."),
    column("normaliser", JSONB(), "The scale of the model's images: kind, clip, centre, scale."),
    comment="What a page shows of a model's training; the bundle itself stays the authority.",
)

evaluations = Table(
    "evaluations",
    metadata,
    column("model_id", Text(), MODEL, ForeignKey(models.c.model_id), primary_key=True),
    column(
        "kind", Text(), "walk_forward: held-out folds; contest: against a rival.", primary_key=True
    ),
    column("metric", Text(), "Name of the figure, such as log_loss.", primary_key=True),
    column("first_session", Date(), "First session judged.", primary_key=True),
    column("last_session", Date(), "Last session judged.", primary_key=True),
    column("value", DOUBLE, "The figure, in the metric's unit."),
    column("lower", DOUBLE, "Lower end of its 95% interval, in the metric's unit."),
    column("upper", DOUBLE, "Upper end of its 95% interval, in the metric's unit."),
    column("reference", DOUBLE, "The base rate's figure on the same sessions."),
    column("n_sessions", Integer(), "Sessions judged."),
    moment("judged_at", "When the figure was last computed."),
    CheckConstraint("first_session <= last_session", "range_is_ordered"),
    CheckConstraint("n_sessions >= 0", "n_sessions_is_count"),
    comment="How each model did on sessions that it was not trained on.",
)

promotions = Table(
    "promotions",
    metadata,
    column("universe", Text(), UNIVERSE, primary_key=True),
    column("horizon", Integer(), HORIZON, primary_key=True, autoincrement=False),
    column("as_of", Date(), "Last session that the decision knew.", primary_key=True),
    column("candidate_id", Text(), "Model that asked for the title.", primary_key=True),
    column(
        "number",
        Integer(),
        "Which decision on this candidate, from 0.",
        primary_key=True,
        autoincrement=False,
        server_default="0",
    ),
    column("kind", Text(), "contest, manual or rollback.", server_default="contest"),
    column("champion_id", Text(), "Model that holds the title after the decision; empty: none."),
    column("previous_id", Text(), "Model that held the title before; empty: none."),
    column("promoted", Boolean(), "Whether the candidate got the title."),
    column("reason", Text(), "The decision in one sentence."),
    column("numbers", JSONB(), "The figures that the decision rests on."),
    moment("decided_at", "When the decision was written.", server_default=func.clock_timestamp()),
    CheckConstraint("NOT promoted OR champion_id = candidate_id", "promoted_holds_title"),
    CheckConstraint("reason <> ''", "reason_is_given"),
    CheckConstraint("number >= 0", "number_is_count"),
    CheckConstraint("kind IN ('contest', 'manual', 'rollback')", "kind_is_known"),
    comment="Append-only: every decision on who forecasts, with its figures and its reason.",
)
