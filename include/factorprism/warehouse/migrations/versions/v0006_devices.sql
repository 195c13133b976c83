-- What a fold of the contest was computed on, beside how long it took.

ALTER TABLE prism.fold_forecasts ADD COLUMN device TEXT;
