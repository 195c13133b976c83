#!/bin/sh
# Write the secrets of docker-compose.yml to a file that only its owner can read: deploy/secrets.sh .env
#
# A secret that is there stays as it is: the databases were made with it. What a later version asks
# for besides is added.
set -eu
file="${1:?the file to write}"
umask 077

hex() {
  od -An -v -tx1 -N"$1" /dev/urandom | tr -d ' \n'
}

draw() {
  for name in POSTGRES_PASSWORD PRISM_DB_PASSWORD PRISM_OWNER_DB_PASSWORD PRISM_WRITER_DB_PASSWORD \
    PRISM_READER_DB_PASSWORD AIRFLOW_DB_PASSWORD CELERY_DB_PASSWORD REDIS_PASSWORD \
    AIRFLOW_ADMIN_PASSWORD AIRFLOW_VIEWER_PASSWORD GRAFANA_ADMIN_PASSWORD; do
    echo "$name=$(hex 24)"
  done
  echo "AIRFLOW_FERNET_KEY=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
  echo "AIRFLOW_API_SECRET_KEY=$(hex 32)"
  echo "AIRFLOW_JWT_SECRET=$(hex 64)"
}

# Print the drawn secrets that the file lacks.
missing() {
  draw | while IFS= read -r line; do
    grep -q "^${line%%=*}=" "$file" || echo "$line"
  done
}

draft="$(mktemp "$file.XXXXXX")"
trap 'rm -f "$draft"' EXIT
if [ ! -e "$file" ] && [ ! -L "$file" ]; then
  draw >"$draft"
  ln "$draft" "$file" # fails where another has written it meanwhile
  echo "$file: $(grep -c = "$file") secrets, readable by you alone. Keep a copy where you keep passwords."
  exit
fi
if [ -f "$file" ] && [ ! -L "$file" ]; then
  missing >"$draft"
fi
if [ -s "$draft" ]; then
  # A last line without its end must not run into the first that is added.
  [ -z "$(tail -c 1 "$file")" ] || echo >>"$file"
  cat "$draft" >>"$file"
  echo "$file: $(grep -c = "$draft") secrets added, the others stay as they are:" $(cut -d= -f1 "$draft")
  exit
fi
echo "$file is there already and stays as it is." >&2
echo "To replace one secret, edit it; docs/deployment.md says how a database's password is changed." >&2
exit 1
