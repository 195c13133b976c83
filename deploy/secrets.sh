#!/bin/sh
# Write the secrets of docker-compose.yml to a file that only its owner can read: deploy/secrets.sh .env
#
# A file that is there stays as it is: the databases were made with its passwords.
set -eu
file="${1:?the file to write}"
umask 077

hex() {
  od -An -v -tx1 -N"$1" /dev/urandom | tr -d ' \n'
}

if [ -e "$file" ] || [ -L "$file" ]; then
  echo "$file is there already and stays as it is." >&2
  echo "To replace one secret, edit it; a password of the databases is changed there first." >&2
  exit 1
fi

draft="$(mktemp "$file.XXXXXX")"
trap 'rm -f "$draft"' EXIT
{
  for name in POSTGRES_PASSWORD PRISM_DB_PASSWORD AIRFLOW_DB_PASSWORD CELERY_DB_PASSWORD \
    REDIS_PASSWORD AIRFLOW_ADMIN_PASSWORD AIRFLOW_VIEWER_PASSWORD GRAFANA_ADMIN_PASSWORD; do
    echo "$name=$(hex 24)"
  done
  echo "AIRFLOW_FERNET_KEY=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
  echo "AIRFLOW_API_SECRET_KEY=$(hex 32)"
  echo "AIRFLOW_JWT_SECRET=$(hex 64)"
} >"$draft"
ln "$draft" "$file" # fails where another has written it meanwhile
echo "$file: $(grep -c = "$file") secrets, readable by you alone. Keep a copy where you keep passwords."
