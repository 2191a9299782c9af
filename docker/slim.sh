#!/bin/sh
# Takes out of a node_modules folder what no running program reads, and links to workspaces that are not there.
set -eu
find "$1" -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -iname '*.md' \) -delete
find "$1" -depth -type d \( -name test -o -name tests -o -name __tests__ -o -name .github \) -exec rm -rf {} +
rm -f "$1"/.package-lock.json
