#!/bin/sh
# A cache node tells the others where to find it. In a container that is its host name, which is unique and which the
# network's DNS knows.
set -eu
: "${DCS_ADVERTISE_HOST:=$(hostname)}"
export DCS_ADVERTISE_HOST
exec node --max-semi-space-size=64 apps/aux/dist/main.js
