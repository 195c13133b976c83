-- One ledger for every signal: words in a chain of hashes, the values of each target in a table of
-- its own, outcomes as their target defines them. What there is so far are signals of direction,
-- named by universe, target and horizon. Every row is kept; of the words, moment and number too.

CREATE FUNCTION pg_temp.signal_of(universe TEXT, horizon INTEGER) RETURNS TEXT LANGUAGE sql AS $$
    SELECT universe || '-direction-' || horizon
$$;

CREATE TEMP TABLE old_forecasts ON COMMIT DROP AS SELECT * FROM prism.forecasts;
CREATE TEMP TABLE old_outcomes ON COMMIT DROP AS SELECT * FROM prism.outcomes;
CREATE TEMP TABLE old_explanations ON COMMIT DROP AS SELECT * FROM prism.explanations;
DROP TABLE prism.forecasts, prism.outcomes, prism.explanations;
DROP FUNCTION prism.keep_last_word;

CREATE TABLE prism.forecasts (
    signal TEXT NOT NULL,
    session DATE NOT NULL,
    model_id TEXT NOT NULL,
    word INTEGER NOT NULL,
    position BIGINT NOT NULL,
    state TEXT NOT NULL,
    target TEXT NOT NULL,
    universe TEXT NOT NULL,
    horizon INTEGER NOT NULL,
    horizon_end DATE NOT NULL,
    symbol TEXT NOT NULL,
    reason TEXT NOT NULL,
    data_hash TEXT NOT NULL,
    factor_hash TEXT NOT NULL,
    image_hash TEXT NOT NULL,
    horizon_end_expected BOOLEAN DEFAULT false NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    late_by INTERVAL GENERATED ALWAYS AS (GREATEST(created_at, due_at) - due_at) STORED,
    values_hash TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    row_hash TEXT NOT NULL,
    CONSTRAINT pk_forecasts PRIMARY KEY (signal, session, model_id, word),
    CONSTRAINT uq_forecasts_signal_position UNIQUE (signal, position),
    CONSTRAINT ck_forecasts_word_counts_from_one CHECK (word >= 1),
    CONSTRAINT ck_forecasts_position_counts_from_one CHECK (position >= 1),
    CONSTRAINT ck_forecasts_state_is_known CHECK (state IN ('issued', 'withheld')),
    CONSTRAINT ck_forecasts_horizon_is_positive CHECK (horizon >= 1),
    CONSTRAINT ck_forecasts_horizon_end_is_later CHECK (horizon_end > session),
    CONSTRAINT ck_forecasts_withheld_has_reason_and_no_values CHECK (
        state <> 'withheld' OR (values_hash = '' AND reason <> '')
    ),
    CONSTRAINT ck_forecasts_issued_has_values_and_hashes CHECK (
        state <> 'issued' OR (
            data_hash ~ '^[0-9a-f]{64}$'
            AND factor_hash ~ '^[0-9a-f]{64}$'
            AND image_hash ~ '^[0-9a-f]{64}$'
            AND values_hash ~ '^[0-9a-f]{64}$'
        )
    ),
    CONSTRAINT ck_forecasts_row_hash_is_sha256 CHECK (row_hash ~ '^[0-9a-f]{64}$')
);

CREATE TABLE prism.direction_forecasts (
    signal TEXT NOT NULL,
    session DATE NOT NULL,
    model_id TEXT NOT NULL,
    word INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    p_up FLOAT(53) NOT NULL,
    p_up_raw FLOAT(53) NOT NULL,
    base_rate FLOAT(53) NOT NULL,
    CONSTRAINT pk_direction_forecasts PRIMARY KEY (signal, session, model_id, word, symbol),
    CONSTRAINT fk_direction_forecast FOREIGN KEY (signal, session, model_id, word)
        REFERENCES prism.forecasts (signal, session, model_id, word),
    CONSTRAINT ck_direction_forecasts_p_up_is_ratio CHECK (p_up BETWEEN 0 AND 1),
    CONSTRAINT ck_direction_forecasts_p_up_raw_is_ratio CHECK (p_up_raw BETWEEN 0 AND 1),
    CONSTRAINT ck_direction_forecasts_base_rate_is_ratio CHECK (base_rate BETWEEN 0 AND 1)
);

CREATE TABLE prism.volatility_forecasts (
    signal TEXT NOT NULL,
    session DATE NOT NULL,
    model_id TEXT NOT NULL,
    word INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    mean FLOAT(53) NOT NULL,
    log_variance FLOAT(53) NOT NULL,
    sigma FLOAT(53) NOT NULL,
    rolling_60 FLOAT(53) NOT NULL,
    ewma_94 FLOAT(53) NOT NULL,
    CONSTRAINT pk_volatility_forecasts PRIMARY KEY (signal, session, model_id, word, symbol),
    CONSTRAINT fk_volatility_forecast FOREIGN KEY (signal, session, model_id, word)
        REFERENCES prism.forecasts (signal, session, model_id, word),
    CONSTRAINT ck_volatility_forecasts_sigma_is_positive CHECK (sigma > 0 AND sigma < 'Infinity'),
    CONSTRAINT ck_volatility_forecasts_rolling_60_is_positive
        CHECK (rolling_60 > 0 AND rolling_60 < 'Infinity'),
    CONSTRAINT ck_volatility_forecasts_ewma_94_is_positive
        CHECK (ewma_94 > 0 AND ewma_94 < 'Infinity'),
    CONSTRAINT ck_volatility_forecasts_mean_is_finite
        CHECK (mean > '-Infinity' AND mean < 'Infinity'),
    CONSTRAINT ck_volatility_forecasts_log_variance_is_finite
        CHECK (log_variance > '-Infinity' AND log_variance < 'Infinity')
);

CREATE TABLE prism.outcomes (
    signal TEXT NOT NULL,
    session DATE NOT NULL,
    model_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    value FLOAT(53) NOT NULL,
    forward_return FLOAT(53) NOT NULL,
    horizon_end DATE NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_outcomes PRIMARY KEY (signal, session, model_id, symbol),
    CONSTRAINT ck_outcomes_value_is_finite CHECK (value > '-Infinity' AND value < 'Infinity'),
    CONSTRAINT ck_outcomes_return_is_finite CHECK (forward_return > -1 AND forward_return < 'Infinity'),
    CONSTRAINT ck_outcomes_horizon_end_is_later CHECK (horizon_end > session)
);

CREATE TABLE prism.explanations (
    signal TEXT NOT NULL,
    session DATE NOT NULL,
    model_id TEXT NOT NULL,
    attribution JSONB NOT NULL,
    shapley JSONB NOT NULL,
    surrogate JSONB NOT NULL,
    baselines JSONB NOT NULL,
    stability JSONB NOT NULL,
    precedents JSONB NOT NULL,
    explained_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_explanations PRIMARY KEY (signal, session, model_id)
);

-- The text that a row is hashed as: every column but late_by, which follows from two of them. It
-- depends on no setting of the session. factorprism.warehouse writes the same text.
CREATE FUNCTION prism.ledger_text(held prism.forecasts) RETURNS TEXT LANGUAGE sql AS $$
    SELECT jsonb_build_array(
        held.signal,
        to_char(held.session, 'YYYY-MM-DD'),
        held.model_id,
        held.word::text,
        held.position::text,
        held.state,
        held.target,
        held.universe,
        held.horizon::text,
        to_char(held.horizon_end, 'YYYY-MM-DD'),
        held.symbol,
        held.reason,
        held.data_hash,
        held.factor_hash,
        held.image_hash,
        held.horizon_end_expected::text,
        to_char(held.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
        to_char(held.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
        held.values_hash,
        held.previous_hash
    )::text
$$;

CREATE FUNCTION prism.ledger_hash(words TEXT) RETURNS TEXT LANGUAGE sql AS $$
    SELECT encode(sha256(convert_to(words, 'UTF8')), 'hex')
$$;

-- The clock of the ledger; who writes a row has no say in it.
CREATE FUNCTION prism.ledger_clock() RETURNS TIMESTAMP WITH TIME ZONE LANGUAGE sql AS $$
    SELECT clock_timestamp()
$$;

-- In the order in which they were written; where a clock was set back, a word stays behind the one
-- that it followed.
DO $$
DECLARE
    old RECORD;
    held prism.forecasts;
    chain TEXT;
BEGIN
    FOR old IN
        SELECT *, pg_temp.signal_of(universe, horizon) AS signal, max(created_at) OVER (
            PARTITION BY universe, horizon, session, model_id ORDER BY word) AS written_at
        FROM old_forecasts
        ORDER BY signal, written_at, session, word, model_id
    LOOP
        IF chain IS DISTINCT FROM old.signal THEN
            chain := old.signal;
            held.position := 0;
            held.row_hash := '';
        END IF;
        held.signal := old.signal;
        held.session := old.session;
        held.model_id := old.model_id;
        held.word := old.word;
        held.position := held.position + 1;
        held.state := old.state;
        held.target := 'direction';
        held.universe := old.universe;
        held.horizon := old.horizon;
        held.horizon_end := old.horizon_end;
        held.symbol := old.target;
        held.reason := old.reason;
        held.data_hash := old.data_hash;
        held.factor_hash := old.factor_hash;
        held.image_hash := old.image_hash;
        held.horizon_end_expected := old.horizon_end_expected;
        held.due_at := old.due_at;
        held.created_at := old.created_at;
        held.values_hash := CASE WHEN old.state = 'issued' THEN prism.ledger_hash(jsonb_build_array(
            jsonb_build_array(old.target, 'base_rate', encode(float8send(old.base_rate + 0.0), 'hex')),
            jsonb_build_array(old.target, 'p_up', encode(float8send(old.p_up + 0.0), 'hex')),
            jsonb_build_array(old.target, 'p_up_raw', encode(float8send(old.p_up_raw + 0.0), 'hex'))
        )::text) ELSE '' END;
        held.previous_hash := held.row_hash;
        held.row_hash := prism.ledger_hash(prism.ledger_text(held));
        INSERT INTO prism.forecasts (
            signal, session, model_id, word, position, state, target, universe, horizon,
            horizon_end, symbol, reason, data_hash, factor_hash, image_hash,
            horizon_end_expected, due_at, created_at, values_hash, previous_hash, row_hash
        ) VALUES (
            held.signal, held.session, held.model_id, held.word, held.position, held.state,
            held.target, held.universe, held.horizon, held.horizon_end, held.symbol, held.reason,
            held.data_hash, held.factor_hash, held.image_hash, held.horizon_end_expected,
            held.due_at, held.created_at, held.values_hash, held.previous_hash, held.row_hash
        );
    END LOOP;
END $$;

INSERT INTO prism.direction_forecasts
SELECT pg_temp.signal_of(universe, horizon), session, model_id, word, target, p_up, p_up_raw, base_rate
FROM old_forecasts WHERE state = 'issued';

-- An outcome or an explanation belongs to the universe of its forecast, or else of its model.
INSERT INTO prism.outcomes
SELECT pg_temp.signal_of(COALESCE(
        (SELECT universe FROM old_forecasts AS forecast
         WHERE forecast.state = 'issued' AND forecast.target = settled.target
             AND forecast.session = settled.session AND forecast.horizon = settled.horizon
             AND forecast.model_id = settled.model_id),
        (SELECT universe FROM prism.models AS model WHERE model.model_id = settled.model_id),
        settled.target), horizon),
    session, model_id, target, CASE WHEN went_up THEN 1.0 ELSE 0.0 END, forward_return,
    horizon_end, settled_at
FROM old_outcomes AS settled;

INSERT INTO prism.explanations
SELECT pg_temp.signal_of(COALESCE(
        (SELECT universe FROM prism.models AS model WHERE model.model_id = explained.model_id),
        (SELECT universe FROM old_forecasts AS forecast
         WHERE forecast.target = explained.target AND forecast.session = explained.session
             AND forecast.horizon = explained.horizon AND forecast.model_id = explained.model_id
         ORDER BY word DESC LIMIT 1),
        explained.target), horizon),
    session, model_id, attribution, shapley, surrogate, baselines, stability, precedents,
    explained_at
FROM old_explanations AS explained;

CREATE INDEX ix_forecasts_created_at ON prism.forecasts (created_at);
CREATE INDEX ix_forecasts_session ON prism.forecasts (session);
CREATE INDEX ix_forecasts_issued ON prism.forecasts (signal, session) WHERE state = 'issued';
CREATE INDEX ix_outcomes_settled_at ON prism.outcomes (settled_at);
CREATE INDEX ix_explanations_explained_at ON prism.explanations (explained_at);
CREATE INDEX ix_evaluations_judged_at ON prism.evaluations (judged_at);
CREATE INDEX ix_pulls_fetched_at ON prism.pulls (fetched_at);
CREATE INDEX ix_pulls_marked_at ON prism.pulls (marked_at);

-- Models, decisions, contests and folds by their signal.
ALTER TABLE prism.models ADD COLUMN signal TEXT, ADD COLUMN target TEXT, ADD COLUMN bases JSONB;
UPDATE prism.models SET signal = pg_temp.signal_of(universe, horizon), target = 'direction',
    bases = jsonb_build_object('base_rate', base_rate);
ALTER TABLE prism.models
    ALTER COLUMN signal SET NOT NULL,
    ALTER COLUMN target SET NOT NULL,
    ALTER COLUMN bases SET NOT NULL,
    DROP COLUMN base_rate;
DROP INDEX prism.ix_models_universe_horizon;
CREATE INDEX ix_models_signal ON prism.models (signal);

ALTER TABLE prism.promotions DISABLE TRIGGER promotions_append_only;
ALTER TABLE prism.promotions ADD COLUMN signal TEXT;
UPDATE prism.promotions SET signal = pg_temp.signal_of(universe, horizon);
ALTER TABLE prism.promotions
    ALTER COLUMN signal SET NOT NULL,
    DROP CONSTRAINT pk_promotions,
    ADD CONSTRAINT pk_promotions PRIMARY KEY (signal, as_of, candidate_id, number),
    DROP COLUMN universe,
    DROP COLUMN horizon;
ALTER TABLE prism.promotions ENABLE ALWAYS TRIGGER promotions_append_only;

ALTER TABLE prism.contests ADD COLUMN signal TEXT;
UPDATE prism.contests SET signal = pg_temp.signal_of(universe, horizon);
ALTER TABLE prism.contests
    ALTER COLUMN signal SET NOT NULL,
    DROP CONSTRAINT pk_contests,
    ADD CONSTRAINT pk_contests PRIMARY KEY (signal, as_of),
    DROP COLUMN universe,
    DROP COLUMN horizon;

ALTER TABLE prism.fold_forecasts
    ADD COLUMN signal TEXT,
    ADD COLUMN column_names TEXT[],
    ADD COLUMN column_values FLOAT(53)[];
UPDATE prism.fold_forecasts SET signal = pg_temp.signal_of(universe, horizon),
    column_names = ARRAY['outcome.label', 'outcome.forward_return', 'value.p_up',
        'value.return_estimate', 'base.p_up', 'base.return_estimate'],
    column_values = ARRAY[went_up::float8[], forward_return, p_up, return_estimate, base_rate,
        return_base];
ALTER TABLE prism.fold_forecasts
    ALTER COLUMN signal SET NOT NULL,
    ALTER COLUMN column_names SET NOT NULL,
    ALTER COLUMN column_values SET NOT NULL,
    DROP COLUMN universe,
    DROP COLUMN horizon,
    DROP COLUMN went_up,
    DROP COLUMN p_up,
    DROP COLUMN base_rate,
    DROP COLUMN forward_return,
    DROP COLUMN return_estimate,
    DROP COLUMN return_base,
    ADD CONSTRAINT ck_fold_forecasts_columns_are_of_one_length CHECK (
        cardinality(column_values) = cardinality(column_names) * cardinality(sessions)
    ),
    ADD CONSTRAINT ck_fold_forecasts_p_up_is_ratio CHECK (
        0 <= ALL (column_values[array_position(column_names, 'value.p_up'):array_position(column_names, 'value.p_up')])
        AND 1 >= ALL (column_values[array_position(column_names, 'value.p_up'):array_position(column_names, 'value.p_up')])
    );
CREATE INDEX ix_fold_forecasts_signal_entrant ON prism.fold_forecasts (signal, entrant);

-- An alert of a universe's one forecast is an alert of that signal.
UPDATE prism.alerts AS alert SET alert_key = named.word || ' ' || pg_temp.signal_of(
        named.universe,
        COALESCE((SELECT max(horizon) FROM old_forecasts AS f WHERE f.universe = named.universe), 14)
    ) || named.rest
FROM (
    SELECT alert_key, part[1] AS word, part[2] AS universe, part[3] AS rest
    FROM prism.alerts, regexp_match(alert_key,
        '^(daily|deadline|champion|drift|skill|promotion|rollback|digest|task \S+) (\S+)(.*)$') AS part
    WHERE part IS NOT NULL
) AS named
WHERE named.alert_key = alert.alert_key;

-- The database numbers word and position, looks at its own clock and links the row to the one
-- before; what the writer says of these is not looked at. A row that is no news for its key
-- vanishes instead of failing, so that writers may race. The lock is held to the end of the
-- transaction: the next writer of the signal sees what was committed.
-- The search path is the function's own, so that no session can put other functions in its place.
CREATE FUNCTION prism.chain_word() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last_word RECORD;
    last_row RECORD;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('ledger ' || NEW.signal, 0));
    SELECT word, state, reason INTO last_word FROM prism.forecasts AS held
    WHERE held.signal = NEW.signal AND held.session = NEW.session AND held.model_id = NEW.model_id
    ORDER BY held.word DESC LIMIT 1;
    IF last_word.state = 'issued'
        OR (last_word.state = NEW.state AND last_word.reason = NEW.reason) THEN
        RETURN NULL;
    END IF;
    SELECT position, row_hash INTO last_row FROM prism.forecasts AS held
    WHERE held.signal = NEW.signal ORDER BY held.position DESC LIMIT 1;
    NEW.word := COALESCE(last_word.word, 0) + 1;
    NEW.position := COALESCE(last_row.position, 0) + 1;
    NEW.created_at := prism.ledger_clock();
    NEW.previous_hash := COALESCE(last_row.row_hash, '');
    NEW.row_hash := prism.ledger_hash(prism.ledger_text(NEW));
    RETURN NEW;
END $$;

CREATE TRIGGER forecasts_chain
BEFORE INSERT ON prism.forecasts
FOR EACH ROW EXECUTE FUNCTION prism.chain_word();
ALTER TABLE prism.forecasts ENABLE ALWAYS TRIGGER forecasts_chain;

CREATE TRIGGER forecasts_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON prism.forecasts
FOR EACH STATEMENT EXECUTE FUNCTION prism.refuse_change();
ALTER TABLE prism.forecasts ENABLE ALWAYS TRIGGER forecasts_append_only;

CREATE TRIGGER direction_forecasts_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON prism.direction_forecasts
FOR EACH STATEMENT EXECUTE FUNCTION prism.refuse_change();
ALTER TABLE prism.direction_forecasts ENABLE ALWAYS TRIGGER direction_forecasts_append_only;

CREATE TRIGGER volatility_forecasts_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON prism.volatility_forecasts
FOR EACH STATEMENT EXECUTE FUNCTION prism.refuse_change();
ALTER TABLE prism.volatility_forecasts ENABLE ALWAYS TRIGGER volatility_forecasts_append_only;

CREATE TRIGGER outcomes_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON prism.outcomes
FOR EACH STATEMENT EXECUTE FUNCTION prism.refuse_change();
ALTER TABLE prism.outcomes ENABLE ALWAYS TRIGGER outcomes_append_only;

CREATE VIEW prism.direction_ledger AS
SELECT f.symbol AS target, f.session, f.horizon, f.model_id, f.state, f.horizon_end, f.reason,
    v.p_up, v.p_up_raw, v.base_rate, f.universe, f.data_hash, f.factor_hash, f.image_hash,
    f.created_at, f.word, f.horizon_end_expected, f.due_at, f.late_by
FROM prism.forecasts AS f
LEFT JOIN prism.direction_forecasts AS v USING (signal, session, model_id, word)
WHERE f.target = 'direction';

CREATE VIEW prism.direction_record AS
SELECT f.signal, f.session, f.model_id, f.word, COALESCE(v.symbol, f.symbol) AS symbol,
    f.universe, f.horizon, f.state, f.reason, f.created_at, f.late_by,
    v.p_up, v.p_up_raw, v.base_rate, first.close,
    COALESCE(o.horizon_end, f.horizon_end) AS horizon_end, last.close AS horizon_end_close,
    o.value = 1 AS went_up, o.forward_return, o.settled_at
FROM prism.forecasts AS f
LEFT JOIN prism.direction_forecasts AS v USING (signal, session, model_id, word)
LEFT JOIN prism.outcomes AS o ON o.signal = v.signal AND o.session = v.session
    AND o.model_id = v.model_id AND o.symbol = v.symbol
LEFT JOIN prism.bars AS first
    ON first.symbol = COALESCE(v.symbol, f.symbol) AND first.session = f.session
LEFT JOIN prism.bars AS last ON last.symbol = COALESCE(v.symbol, f.symbol)
    AND last.session = COALESCE(o.horizon_end, f.horizon_end)
WHERE f.target = 'direction';

CREATE VIEW prism.volatility_record AS
SELECT f.signal, f.session, f.model_id, f.word, COALESCE(v.symbol, f.symbol) AS symbol,
    f.universe, f.horizon, f.state, f.reason, f.created_at, f.late_by,
    v.mean, v.log_variance, v.sigma, v.rolling_60, v.ewma_94, first.close,
    COALESCE(o.horizon_end, f.horizon_end) AS horizon_end, last.close AS horizon_end_close,
    o.value AS outcome, o.forward_return, o.settled_at
FROM prism.forecasts AS f
LEFT JOIN prism.volatility_forecasts AS v USING (signal, session, model_id, word)
LEFT JOIN prism.outcomes AS o ON o.signal = v.signal AND o.session = v.session
    AND o.model_id = v.model_id AND o.symbol = v.symbol
LEFT JOIN prism.bars AS first
    ON first.symbol = COALESCE(v.symbol, f.symbol) AND first.session = f.session
LEFT JOIN prism.bars AS last ON last.symbol = COALESCE(v.symbol, f.symbol)
    AND last.session = COALESCE(o.horizon_end, f.horizon_end)
WHERE f.target = 'volatility';
