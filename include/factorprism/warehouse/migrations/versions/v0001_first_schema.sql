-- The first schema: from the source's answers to the ledger of forecasts.
-- What each table and column means stands in factorprism/warehouse/tables, and is written to the
-- database as comments after every migration.

CREATE TABLE prism.pulls (
    pull_id BIGINT NOT NULL,
    source TEXT NOT NULL,
    symbol TEXT NOT NULL,
    first_session DATE NOT NULL,
    last_session DATE NOT NULL,
    content_hash TEXT NOT NULL,
    n_bars INTEGER NOT NULL,
    payload BYTEA NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    marked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_pulls PRIMARY KEY (pull_id),
    CONSTRAINT ck_pulls_state_is_known CHECK (state IN ('pulled', 'accepted', 'quarantined')),
    CONSTRAINT ck_pulls_range_is_ordered CHECK (first_session <= last_session),
    CONSTRAINT ck_pulls_n_bars_is_count CHECK (n_bars >= 0),
    CONSTRAINT ck_pulls_content_hash_is_sha256 CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT uq_pulls_content UNIQUE (source, symbol, first_session, last_session, content_hash)
);

CREATE TABLE prism.bars (
    symbol TEXT NOT NULL,
    session DATE NOT NULL,
    open FLOAT(53) NOT NULL,
    high FLOAT(53) NOT NULL,
    low FLOAT(53) NOT NULL,
    close FLOAT(53) NOT NULL,
    volume_shares FLOAT(53) NOT NULL,
    amount_cny FLOAT(53) NOT NULL,
    pre_close FLOAT(53) NOT NULL,
    pct_chg FLOAT(53) NOT NULL,
    pull_id BIGINT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_bars PRIMARY KEY (symbol, session),
    CONSTRAINT fk_bars_pull_id FOREIGN KEY(pull_id) REFERENCES prism.pulls (pull_id)
);

CREATE TABLE prism.bar_revisions (
    symbol TEXT NOT NULL,
    session DATE NOT NULL,
    column_name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    old_value FLOAT(53) NOT NULL,
    new_value FLOAT(53) NOT NULL,
    pull_id BIGINT NOT NULL,
    revised_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_bar_revisions PRIMARY KEY (symbol, session, column_name, revision),
    CONSTRAINT ck_bar_revisions_revision_counts_from_one CHECK (revision >= 1),
    CONSTRAINT fk_bar_revisions_pull_id FOREIGN KEY(pull_id) REFERENCES prism.pulls (pull_id)
);

CREATE TABLE prism.bar_extents (
    symbol TEXT NOT NULL,
    first_session DATE NOT NULL,
    last_session DATE NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_bar_extents PRIMARY KEY (symbol),
    CONSTRAINT ck_bar_extents_range_is_ordered CHECK (first_session <= last_session)
);

CREATE TABLE prism.factor_catalogues (
    catalogue_hash TEXT NOT NULL,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT pk_factor_catalogues PRIMARY KEY (catalogue_hash, position),
    CONSTRAINT ck_factor_catalogues_catalogue_hash_is_sha256 CHECK (catalogue_hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_factor_catalogues_position_counts_from_one CHECK (position >= 1),
    CONSTRAINT uq_factor_catalogues_catalogue_hash_name UNIQUE (catalogue_hash, name)
);

CREATE TABLE prism.factors (
    symbol TEXT NOT NULL,
    catalogue_hash TEXT NOT NULL,
    session DATE NOT NULL,
    factor_values REAL[] NOT NULL,
    CONSTRAINT pk_factors PRIMARY KEY (symbol, catalogue_hash, session)
);

CREATE TABLE prism.factor_watermarks (
    symbol TEXT NOT NULL,
    catalogue_hash TEXT NOT NULL,
    computed_through DATE NOT NULL,
    dirty_from DATE,
    computed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_factor_watermarks PRIMARY KEY (symbol, catalogue_hash)
);

CREATE TABLE prism.image_sets (
    image_set_hash TEXT NOT NULL,
    universe TEXT NOT NULL,
    first_session DATE NOT NULL,
    last_session DATE NOT NULL,
    spec JSONB NOT NULL,
    path TEXT NOT NULL,
    saved_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_image_sets PRIMARY KEY (image_set_hash),
    CONSTRAINT ck_image_sets_range_is_ordered CHECK (first_session <= last_session),
    CONSTRAINT ck_image_sets_image_set_hash_is_sha256 CHECK (image_set_hash ~ '^[0-9a-f]{64}$')
);

CREATE TABLE prism.models (
    model_id TEXT NOT NULL,
    architecture TEXT NOT NULL,
    universe TEXT NOT NULL,
    horizon INTEGER NOT NULL,
    lookback INTEGER NOT NULL,
    channels TEXT[] NOT NULL,
    factors TEXT[] NOT NULL,
    trained_from DATE NOT NULL,
    trained_through DATE NOT NULL,
    n_samples INTEGER NOT NULL,
    base_rate FLOAT(53) NOT NULL,
    data_hash TEXT NOT NULL,
    artefact_hash TEXT NOT NULL,
    mode TEXT NOT NULL,
    parent_id TEXT NOT NULL,
    spec JSONB NOT NULL,
    saved_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_models PRIMARY KEY (model_id),
    CONSTRAINT ck_models_horizon_is_positive CHECK (horizon >= 1),
    CONSTRAINT ck_models_lookback_is_positive CHECK (lookback >= 1),
    CONSTRAINT ck_models_n_samples_is_count CHECK (n_samples >= 0),
    CONSTRAINT ck_models_range_is_ordered CHECK (trained_from <= trained_through),
    CONSTRAINT ck_models_base_rate_is_ratio CHECK (base_rate BETWEEN 0 AND 1)
);
CREATE INDEX ix_models_universe_horizon ON prism.models (universe, horizon);

CREATE TABLE prism.evaluations (
    model_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    metric TEXT NOT NULL,
    first_session DATE NOT NULL,
    last_session DATE NOT NULL,
    value FLOAT(53) NOT NULL,
    lower FLOAT(53) NOT NULL,
    upper FLOAT(53) NOT NULL,
    reference FLOAT(53) NOT NULL,
    n_sessions INTEGER NOT NULL,
    judged_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_evaluations PRIMARY KEY (model_id, kind, metric, first_session, last_session),
    CONSTRAINT ck_evaluations_range_is_ordered CHECK (first_session <= last_session),
    CONSTRAINT ck_evaluations_n_sessions_is_count CHECK (n_sessions >= 0),
    CONSTRAINT fk_evaluations_model_id FOREIGN KEY(model_id) REFERENCES prism.models (model_id)
);

CREATE TABLE prism.promotions (
    universe TEXT NOT NULL,
    horizon INTEGER NOT NULL,
    as_of DATE NOT NULL,
    candidate_id TEXT NOT NULL,
    champion_id TEXT NOT NULL,
    previous_id TEXT NOT NULL,
    promoted BOOLEAN NOT NULL,
    reason TEXT NOT NULL,
    numbers JSONB NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_promotions PRIMARY KEY (universe, horizon, as_of, candidate_id),
    CONSTRAINT ck_promotions_promoted_holds_title CHECK (NOT promoted OR champion_id = candidate_id),
    CONSTRAINT ck_promotions_reason_is_given CHECK (reason <> '')
);

CREATE TABLE prism.quality_results (
    run_key TEXT NOT NULL,
    position INTEGER NOT NULL,
    suite TEXT NOT NULL,
    expectation TEXT NOT NULL,
    symbol TEXT NOT NULL,
    column_name TEXT NOT NULL,
    severity TEXT NOT NULL,
    success BOOLEAN NOT NULL,
    first_session DATE NOT NULL,
    last_session DATE NOT NULL,
    sentence TEXT NOT NULL,
    details JSONB NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_quality_results PRIMARY KEY (run_key, position),
    CONSTRAINT ck_quality_results_severity_is_known CHECK (severity IN ('critical', 'warning'))
);

CREATE TABLE prism.forecasts (
    target TEXT NOT NULL,
    session DATE NOT NULL,
    horizon INTEGER NOT NULL,
    model_id TEXT NOT NULL,
    state TEXT NOT NULL,
    horizon_end DATE NOT NULL,
    reason TEXT NOT NULL,
    p_up FLOAT(53),
    p_up_raw FLOAT(53),
    base_rate FLOAT(53),
    universe TEXT NOT NULL,
    data_hash TEXT NOT NULL,
    factor_hash TEXT NOT NULL,
    image_hash TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_forecasts PRIMARY KEY (target, session, horizon, model_id, state),
    CONSTRAINT ck_forecasts_state_is_known CHECK (state IN ('issued', 'withheld')),
    CONSTRAINT ck_forecasts_horizon_is_positive CHECK (horizon >= 1),
    CONSTRAINT ck_forecasts_horizon_end_is_later CHECK (horizon_end > session),
    CONSTRAINT ck_forecasts_p_up_is_ratio CHECK (p_up BETWEEN 0 AND 1),
    CONSTRAINT ck_forecasts_p_up_raw_is_ratio CHECK (p_up_raw BETWEEN 0 AND 1),
    CONSTRAINT ck_forecasts_base_rate_is_ratio CHECK (base_rate BETWEEN 0 AND 1),
    CONSTRAINT ck_forecasts_withheld_has_reason_and_no_p_up CHECK (
        state <> 'withheld' OR (p_up IS NULL AND p_up_raw IS NULL AND reason <> '')
    ),
    CONSTRAINT ck_forecasts_issued_has_p_up_and_hashes CHECK (
        state <> 'issued' OR (
            p_up IS NOT NULL AND p_up_raw IS NOT NULL AND base_rate IS NOT NULL
            AND data_hash ~ '^[0-9a-f]{64}$'
            AND factor_hash ~ '^[0-9a-f]{64}$'
            AND image_hash ~ '^[0-9a-f]{64}$'
        )
    )
);

CREATE TABLE prism.outcomes (
    target TEXT NOT NULL,
    session DATE NOT NULL,
    horizon INTEGER NOT NULL,
    model_id TEXT NOT NULL,
    forward_return FLOAT(53) NOT NULL,
    went_up BOOLEAN NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_outcomes PRIMARY KEY (target, session, horizon, model_id),
    CONSTRAINT ck_outcomes_return_is_finite CHECK (forward_return > -1 AND forward_return < 'Infinity')
);

CREATE TABLE prism.alerts (
    alert_key TEXT NOT NULL,
    occurrence INTEGER NOT NULL,
    severity TEXT NOT NULL,
    sentence TEXT NOT NULL,
    session DATE,
    details JSONB NOT NULL,
    raises INTEGER NOT NULL,
    raised_at TIMESTAMP WITH TIME ZONE NOT NULL,
    raised_again_at TIMESTAMP WITH TIME ZONE,
    resolved_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_alerts PRIMARY KEY (alert_key, occurrence),
    CONSTRAINT ck_alerts_raises_counts_from_one CHECK (raises >= 1)
);
CREATE UNIQUE INDEX uq_alerts_open ON prism.alerts (alert_key) WHERE resolved_at IS NULL;

CREATE VIEW prism.factor_values AS
SELECT f.symbol, f.session, f.catalogue_hash, c.name AS factor, f.factor_values[c.position] AS value
FROM prism.factors AS f
JOIN prism.factor_catalogues AS c USING (catalogue_hash);

-- What was published is never rewritten: not even by a statement that meets no row.
CREATE FUNCTION prism.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'restrict_violation',
        MESSAGE = TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME || ' is append-only: '
            || TG_OP || ' is refused.';
END $$;

CREATE TRIGGER forecasts_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON prism.forecasts
FOR EACH STATEMENT EXECUTE FUNCTION prism.refuse_change();
ALTER TABLE prism.forecasts ENABLE ALWAYS TRIGGER forecasts_append_only;

CREATE TRIGGER promotions_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON prism.promotions
FOR EACH STATEMENT EXECUTE FUNCTION prism.refuse_change();
ALTER TABLE prism.promotions ENABLE ALWAYS TRIGGER promotions_append_only;

-- A row that is no news for its key vanishes instead of failing, so that writers may race. The
-- lock is held to the end of the transaction: the next writer of the key sees what was committed.
CREATE FUNCTION prism.keep_last_word() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(
        'forecast ' || NEW.target || ' ' || NEW.session || ' ' || NEW.horizon || ' '
            || NEW.model_id, 0));
    IF EXISTS (
        SELECT FROM prism.forecasts AS held
        WHERE held.target = NEW.target AND held.session = NEW.session
            AND held.horizon = NEW.horizon AND held.model_id = NEW.model_id
            AND held.state IN ('issued', NEW.state)
    ) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER forecasts_last_word
BEFORE INSERT ON prism.forecasts
FOR EACH ROW EXECUTE FUNCTION prism.keep_last_word();
ALTER TABLE prism.forecasts ENABLE ALWAYS TRIGGER forecasts_last_word;
