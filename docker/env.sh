#!/bin/sh
# Fills in the secrets that .env does not have yet; begins with .env.example where there is no .env. Changes none that is
# there, so it may be run again.
#   docker/env.sh && docker compose up --build -d
set -eu
cd "$(dirname "$0")/.."
: "${ENV_FILE:=.env}"

umask 077
[ -e "$ENV_FILE" ] || cp .env.example "$ENV_FILE"
chmod 600 "$ENV_FILE"
for name in DCS_CLUSTER_SECRET REDIS_PASSWORD GRAFANA_PASSWORD; do
    ! grep -q "^$name=." "$ENV_FILE" || continue
    secret=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    grep -v "^$name=" "$ENV_FILE" >"$ENV_FILE.new" || true
    echo "$name=$secret" >>"$ENV_FILE.new"
    mv "$ENV_FILE.new" "$ENV_FILE"
    echo "env.sh: made $name"
done
