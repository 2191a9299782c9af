#!/bin/sh
# Takes out of a node_modules folder what no running program reads.
set -eu
# An optional peer of NestJS's Swagger module, for its build-time plugin.
rm -rf "$1/typescript" "$1/.bin" "$1/.package-lock.json"
find "$1" -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.spec.*' -o -iname '*.md' \) -delete
find "$1" -depth -type d \( -name test -o -name tests -o -name __tests__ -o -name .github \) -exec rm -rf {} +
