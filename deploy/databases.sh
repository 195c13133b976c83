#!/bin/sh
# The databases and their owners, made once by the PostgreSQL image when its volume is empty.
# Tasks know the roles prism and celery, and only Airflow's components the role airflow.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\getenv prism_password PRISM_DB_PASSWORD
\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv celery_password CELERY_DB_PASSWORD
CREATE ROLE prism LOGIN PASSWORD :'prism_password';
CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE ROLE celery LOGIN PASSWORD :'celery_password';
CREATE DATABASE prism OWNER prism;
CREATE DATABASE mlflow OWNER prism;
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE celery OWNER celery;
REVOKE CONNECT ON DATABASE prism, mlflow, airflow, celery FROM PUBLIC;
SQL
