#!/bin/sh
# Replaces every running aux and master, one by one, by a container of the images as they are now, while traffic flows:
# a new one starts and imports its share, then an old one hands over what it has and goes.
#   docker compose build && docker/upgrade.sh              (COMPOSE=docker-compose for version 1.29)
set -eu
: "${COMPOSE:=docker compose}" "${HEALTHY_SECONDS:=120}"

healthy() { # healthy SERVICE COUNT
    n=0
    for each in $($COMPOSE ps -q "$1"); do
        [ "$(docker inspect -f '{{.State.Health.Status}}' "$each")" != healthy ] || n=$((n + 1))
    done
    [ "$n" -eq "$2" ]
}

for service in aux master; do
    old=$($COMPOSE ps -q "$service")
    count=$(echo "$old" | wc -l)
    for one in $old; do
        $COMPOSE up -d --no-deps --no-recreate --scale "$service=$((count + 1))" "$service"
        seconds=0
        until healthy "$service" $((count + 1)); do
            seconds=$((seconds + 1))
            [ "$seconds" -le "$HEALTHY_SECONDS" ] || { echo "upgrade.sh: the new $service is not ready; stopping here" >&2; exit 1; }
            sleep 1
        done
        docker stop "$one" >/dev/null # within its stop_grace_period
        docker rm "$one" >/dev/null
        echo "upgrade.sh: $service $(echo "$one" | cut -c1-12) is replaced"
    done
done
