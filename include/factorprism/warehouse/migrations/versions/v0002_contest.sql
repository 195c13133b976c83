-- The contest between networks and baselines, the reasons of forecasts, and decisions by hand.

CREATE TABLE prism.fold_forecasts (
    fold_key TEXT NOT NULL,
    universe TEXT NOT NULL,
    horizon INTEGER NOT NULL,
    entrant TEXT NOT NULL,
    placebo TEXT NOT NULL,
    settings JSONB NOT NULL,
    sessions DATE[] NOT NULL,
    went_up SMALLINT[] NOT NULL,
    p_up FLOAT(53)[] NOT NULL,
    base_rate FLOAT(53)[] NOT NULL,
    forward_return FLOAT(53)[] NOT NULL,
    return_estimate FLOAT(53)[] NOT NULL,
    return_base FLOAT(53)[] NOT NULL,
    begun_at TIMESTAMP WITH TIME ZONE,
    judged_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_fold_forecasts PRIMARY KEY (fold_key),
    CONSTRAINT ck_fold_forecasts_fold_key_is_sha256 CHECK (fold_key ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_fold_forecasts_horizon_is_positive CHECK (horizon >= 1),
    CONSTRAINT ck_fold_forecasts_columns_are_of_one_length CHECK (
        cardinality(sessions) = ALL (ARRAY[cardinality(went_up), cardinality(p_up),
            cardinality(base_rate), cardinality(forward_return), cardinality(return_estimate),
            cardinality(return_base)])
    ),
    CONSTRAINT ck_fold_forecasts_p_up_is_ratio CHECK (0 <= ALL (p_up) AND 1 >= ALL (p_up))
);
CREATE INDEX ix_fold_forecasts_universe_horizon_entrant ON prism.fold_forecasts (universe, horizon, entrant);

CREATE TABLE prism.contests (
    universe TEXT NOT NULL,
    horizon INTEGER NOT NULL,
    as_of DATE NOT NULL,
    image_set_hash TEXT NOT NULL,
    sentence TEXT NOT NULL,
    content JSONB NOT NULL,
    tabulated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_contests PRIMARY KEY (universe, horizon, as_of),
    CONSTRAINT ck_contests_image_set_hash_is_sha256 CHECK (image_set_hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_contests_sentence_is_given CHECK (sentence <> '')
);

CREATE TABLE prism.explanations (
    target TEXT NOT NULL,
    session DATE NOT NULL,
    horizon INTEGER NOT NULL,
    model_id TEXT NOT NULL,
    attribution JSONB NOT NULL,
    shapley JSONB NOT NULL,
    surrogate JSONB NOT NULL,
    baselines JSONB NOT NULL,
    stability JSONB NOT NULL,
    precedents JSONB NOT NULL,
    explained_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_explanations PRIMARY KEY (target, session, horizon, model_id)
);

ALTER TABLE prism.promotions
    ADD COLUMN number INTEGER DEFAULT 0 NOT NULL,
    ADD COLUMN kind TEXT DEFAULT 'contest' NOT NULL,
    ADD CONSTRAINT ck_promotions_number_is_count CHECK (number >= 0),
    ADD CONSTRAINT ck_promotions_kind_is_known CHECK (kind IN ('contest', 'manual', 'rollback')),
    DROP CONSTRAINT pk_promotions,
    ADD CONSTRAINT pk_promotions PRIMARY KEY (universe, horizon, as_of, candidate_id, number);
