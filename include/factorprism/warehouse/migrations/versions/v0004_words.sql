-- A withheld row may be followed by another with another reason, so the words on a forecast are
-- numbered. A row says how late it is and whether the end of its horizon is only expected; its
-- outcome says which session ended it.

ALTER TABLE prism.forecasts DISABLE TRIGGER forecasts_append_only;

ALTER TABLE prism.forecasts
    ADD COLUMN word INTEGER NOT NULL DEFAULT 1,
    ADD COLUMN horizon_end_expected BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN due_at TIMESTAMP WITH TIME ZONE,
    ADD CONSTRAINT ck_forecasts_word_counts_from_one CHECK (word >= 1);

-- Rows that are there already have no due moment, and so no delay.
ALTER TABLE prism.forecasts ADD COLUMN late_by INTERVAL
    GENERATED ALWAYS AS (GREATEST(created_at, due_at) - due_at) STORED;

UPDATE prism.forecasts AS issued SET word = 2
WHERE state = 'issued' AND EXISTS (
    SELECT FROM prism.forecasts AS withheld
    WHERE withheld.state = 'withheld' AND withheld.target = issued.target
        AND withheld.session = issued.session AND withheld.horizon = issued.horizon
        AND withheld.model_id = issued.model_id
);

ALTER TABLE prism.forecasts
    DROP CONSTRAINT pk_forecasts,
    ADD CONSTRAINT pk_forecasts PRIMARY KEY (target, session, horizon, model_id, word);

ALTER TABLE prism.forecasts ENABLE ALWAYS TRIGGER forecasts_append_only;

-- The database numbers the words: the writer's own number is not looked at.
CREATE OR REPLACE FUNCTION prism.keep_last_word() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last_word RECORD;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(
        'forecast ' || NEW.target || ' ' || NEW.session || ' ' || NEW.horizon || ' '
            || NEW.model_id, 0));
    SELECT * INTO last_word FROM prism.forecasts AS held
    WHERE held.target = NEW.target AND held.session = NEW.session
        AND held.horizon = NEW.horizon AND held.model_id = NEW.model_id
    ORDER BY held.word DESC LIMIT 1;
    IF last_word.state = 'issued'
        OR (last_word.state = NEW.state AND last_word.reason = NEW.reason) THEN
        RETURN NULL;
    END IF;
    NEW.word := COALESCE(last_word.word, 0) + 1;
    RETURN NEW;
END $$;

ALTER TABLE prism.outcomes ADD COLUMN horizon_end DATE;

UPDATE prism.outcomes AS settled SET horizon_end = forecast.horizon_end
FROM prism.forecasts AS forecast
WHERE forecast.state = 'issued' AND forecast.target = settled.target
    AND forecast.session = settled.session AND forecast.horizon = settled.horizon
    AND forecast.model_id = settled.model_id;

ALTER TABLE prism.outcomes
    ALTER COLUMN horizon_end SET NOT NULL,
    ADD CONSTRAINT ck_outcomes_horizon_end_is_later CHECK (horizon_end > session);
