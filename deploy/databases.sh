#!/bin/sh
# The databases, their logins and who may enter, made by the PostgreSQL image when its volume is
# empty. Run again, it makes what is missing, sets the passwords anew, and brings over a volume of
# when `prism` owned the warehouse; no row is touched.
#
# Runs know the logins prism_writer, prism (of MLflow's tables) and celery; pages prism_reader;
# migrations prism_owner; and only Airflow's components the login airflow.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\getenv prism_password PRISM_DB_PASSWORD
\getenv owner_password PRISM_OWNER_DB_PASSWORD
\getenv writer_password PRISM_WRITER_DB_PASSWORD
\getenv reader_password PRISM_READER_DB_PASSWORD
\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv celery_password CELERY_DB_PASSWORD
SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest('{prism,prism_owner,prism_writer,prism_reader,airflow,celery}'::text[]) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE prism PASSWORD :'prism_password';
ALTER ROLE prism_owner PASSWORD :'owner_password';
ALTER ROLE prism_writer PASSWORD :'writer_password';
ALTER ROLE prism_reader PASSWORD :'reader_password';
ALTER ROLE airflow PASSWORD :'airflow_password';
ALTER ROLE celery PASSWORD :'celery_password';
SELECT format('CREATE DATABASE %I OWNER %I', name, owner)
FROM (VALUES ('prism', 'prism_owner'), ('mlflow', 'prism'), ('airflow', 'airflow'),
    ('celery', 'celery')) AS wanted(name, owner)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
REVOKE ALL ON DATABASE prism, mlflow, airflow, celery FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE prism TO prism_writer;
GRANT CONNECT ON DATABASE prism TO prism_reader;
\connect prism
BEGIN;
REASSIGN OWNED BY prism TO prism_owner;
ALTER DATABASE mlflow OWNER TO prism;
COMMIT;
SQL
