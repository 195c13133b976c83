-- The words of the glossary (docs/glossary.md). Nothing of the ledger changes: its hashes cover the
-- values in the order of the columns, and the names within are those of a target's own values.

ALTER TABLE prism.alerts RENAME COLUMN told_at TO notified_at;
ALTER TABLE prism.alerts RENAME COLUMN recovery_told_at TO recovery_notified_at;
ALTER TABLE prism.evaluations RENAME COLUMN judged_at TO evaluated_at;
ALTER TABLE prism.fold_forecasts RENAME COLUMN judged_at TO evaluated_at;
ALTER TABLE prism.explanations RENAME COLUMN precedents TO nearest_neighbours;
ALTER INDEX prism.ix_evaluations_judged_at RENAME TO ix_evaluations_evaluated_at;
ALTER TABLE prism.promotions
    RENAME CONSTRAINT ck_promotions_promoted_holds_title TO ck_promotions_promoted_is_champion;

-- PostgreSQL 18 names the rule NOT NULL by the column that it was written for.
DO $$
DECLARE
    rule RECORD;
BEGIN
    FOR rule IN
        SELECT conrelid::regclass AS owner, conname AS old, new
        FROM pg_constraint JOIN (VALUES
            ('evaluations_judged_at_not_null', 'evaluations_evaluated_at_not_null'),
            ('fold_forecasts_judged_at_not_null', 'fold_forecasts_evaluated_at_not_null'),
            ('explanations_precedents_not_null', 'explanations_nearest_neighbours_not_null')
        ) AS named(old, new) ON named.old = conname
        WHERE contype = 'n' AND connamespace = 'prism'::regnamespace
    LOOP
        EXECUTE 'ALTER TABLE ' || rule.owner || ' RENAME CONSTRAINT ' || quote_ident(rule.old)
            || ' TO ' || quote_ident(rule.new);
    END LOOP;
END $$;

-- A JSON object with a key of another name; as it is where it lacks the key.
CREATE FUNCTION pg_temp.with_key(object JSONB, old TEXT, new TEXT) RETURNS JSONB LANGUAGE sql AS $$
    SELECT CASE WHEN object ? old
        THEN (object - old) || jsonb_build_object(new, object -> old) ELSE object END
$$;

-- A list of objects, each with a key of another name; null stays null.
CREATE FUNCTION pg_temp.each_with_key(list JSONB, old TEXT, new TEXT) RETURNS JSONB LANGUAGE sql AS $$
    SELECT CASE WHEN jsonb_typeof(list) = 'array' THEN COALESCE(
        (SELECT jsonb_agg(pg_temp.with_key(item, old, new) ORDER BY place)
         FROM jsonb_array_elements(list) WITH ORDINALITY AS held(item, place)), '[]') ELSE list END
$$;

UPDATE prism.alerts SET details = pg_temp.with_key(details, 'told_to', 'notified_to')
WHERE details ? 'told_to';

UPDATE prism.contests SET content = jsonb_set(
    content, '{placebos}', pg_temp.each_with_key(
        pg_temp.each_with_key(content -> 'placebos', 'paid_lower', 'adjusted_lower'),
        'paid_upper', 'adjusted_upper')
) WHERE content ? 'placebos';

UPDATE prism.contests SET content = (content - 'accounts') || jsonb_build_object('backtests',
    CASE WHEN jsonb_typeof(content -> 'accounts') = 'array' THEN COALESCE(
        (SELECT jsonb_agg(pg_temp.with_key(rule || jsonb_build_object('accounts',
                pg_temp.each_with_key(rule -> 'accounts', 'excess', 'excess_return')),
            'accounts', 'results') ORDER BY place)
         FROM jsonb_array_elements(content -> 'accounts') WITH ORDINALITY AS held(rule, place)),
        '[]') ELSE content -> 'accounts' END)
WHERE content ? 'accounts';

-- Decisions are only ever appended to; their figures change their names once, here.
ALTER TABLE prism.promotions DISABLE TRIGGER promotions_append_only;
UPDATE prism.promotions SET numbers = pg_temp.with_key(pg_temp.with_key(pg_temp.with_key(numbers,
    'miscalibration_excess', 'miscalibration_exceedance'),
    'miscalibration_excess_lower', 'miscalibration_exceedance_lower'),
    'miscalibration_excess_upper', 'miscalibration_exceedance_upper')
WHERE numbers ?| ARRAY['miscalibration_excess', 'miscalibration_excess_lower',
    'miscalibration_excess_upper'];
ALTER TABLE prism.promotions ENABLE ALWAYS TRIGGER promotions_append_only;
