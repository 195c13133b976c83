-- What the pages show of a training, the exchange's days from the vendor, and what was told when.

CREATE TABLE prism.trainings (
    model_id TEXT NOT NULL,
    epochs JSONB NOT NULL,
    normaliser JSONB NOT NULL,
    CONSTRAINT pk_trainings PRIMARY KEY (model_id),
    CONSTRAINT fk_trainings_model_id FOREIGN KEY (model_id) REFERENCES prism.models (model_id)
);

CREATE TABLE prism.trading_days (
    exchange TEXT NOT NULL,
    day DATE NOT NULL,
    source TEXT NOT NULL,
    trades BOOLEAN NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_trading_days PRIMARY KEY (exchange, day, source)
);

ALTER TABLE prism.alerts
    ADD COLUMN told_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN recovery_told_at TIMESTAMP WITH TIME ZONE;

CREATE INDEX ix_quality_results_recorded_at ON prism.quality_results (recorded_at);

-- What was raised before is no news.
UPDATE prism.alerts SET told_at = raised_at, recovery_told_at = resolved_at;
