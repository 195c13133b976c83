-- The pull in which a finding was last found, and the pull that gave what stood aside.

ALTER TABLE prism.findings ADD COLUMN pull_id BIGINT,
    ADD CONSTRAINT fk_findings_pull_id FOREIGN KEY (pull_id) REFERENCES prism.pulls (pull_id);
ALTER TABLE prism.set_aside ADD COLUMN cleared_by BIGINT,
    ADD CONSTRAINT fk_set_aside_cleared_by FOREIGN KEY (cleared_by) REFERENCES prism.pulls (pull_id);

-- Of earlier findings: the pull whose row they kept out, else the next of the symbol to be judged.
UPDATE prism.findings AS finding SET pull_id = coalesce(
    (SELECT pull_id FROM prism.set_aside AS row WHERE row.finding_id = finding.finding_id
     ORDER BY set_aside_at DESC, pull_id DESC LIMIT 1),
    (SELECT pull_id FROM prism.pulls AS pull
     WHERE pull.symbol = finding.symbol AND marked_at >= found_at
     ORDER BY marked_at, pull_id LIMIT 1));

CREATE INDEX ix_set_aside_pull_id ON prism.set_aside (pull_id);
CREATE INDEX ix_pulls_symbol_marked_at ON prism.pulls (symbol, marked_at);
