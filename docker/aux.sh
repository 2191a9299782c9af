#!/bin/sh
# A cache node tells the others where to find it. In a container that is its address and not its name: a name that is
# gone can keep a resolver busy for seconds, and with it everybody who asks.
set -eu
: "${DCS_ADVERTISE_HOST:=$(hostname -i | cut -d' ' -f1)}"
export DCS_ADVERTISE_HOST
exec node --max-semi-space-size=64 --max-inlined-bytecode-size-cumulative=3000 apps/aux/dist/main.js
