-- Findings of the gate by name, what a person has accepted, and the rows that were set aside.

CREATE TABLE prism.findings (
    finding_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    suite TEXT NOT NULL,
    expectation TEXT NOT NULL,
    column_name TEXT NOT NULL,
    failing_rows JSONB NOT NULL,
    sessions JSONB NOT NULL,
    sentence TEXT NOT NULL,
    found_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_findings PRIMARY KEY (finding_id)
);

CREATE TABLE prism.accepted_findings (
    finding_id TEXT NOT NULL,
    accepted_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    accepted_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_accepted_findings PRIMARY KEY (finding_id),
    CONSTRAINT fk_accepted_findings_finding_id
        FOREIGN KEY (finding_id) REFERENCES prism.findings (finding_id),
    CONSTRAINT ck_accepted_findings_has_person_and_reason CHECK (accepted_by <> '' AND reason <> '')
);

CREATE TRIGGER accepted_findings_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON prism.accepted_findings
FOR EACH STATEMENT EXECUTE FUNCTION prism.refuse_change();
ALTER TABLE prism.accepted_findings ENABLE ALWAYS TRIGGER accepted_findings_append_only;

CREATE TABLE prism.set_aside (
    symbol TEXT NOT NULL,
    session DATE NOT NULL,
    pull_id BIGINT NOT NULL,
    finding_id TEXT NOT NULL,
    sentence TEXT NOT NULL,
    set_aside_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    cleared_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_set_aside PRIMARY KEY (symbol, session, pull_id),
    CONSTRAINT fk_set_aside_pull_id FOREIGN KEY (pull_id) REFERENCES prism.pulls (pull_id)
);
