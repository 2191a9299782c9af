#!/bin/sh
# Takes out of a node_modules folder what no running program reads.
set -eu
# An optional peer of NestJS's Swagger module, for its build-time plugin.
rm -rf "$1/typescript" "$1/.bin" "$1/.package-lock.json"
# LMDB's sources, and its binaries for other C libraries and other versions of Node (the Dockerfile tries what is left).
rm -rf "$1/lmdb/dependencies" "$1/lmdb/src" "$1/node-addon-api"
for binary in "$1"/@lmdb/*/node.*.node; do
    case $binary in
    */node.napi.glibc.node | */node.abi"$(node -p process.versions.modules)".glibc.node) ;;
    *) rm -f "$binary" ;;
    esac
done
find "$1" -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.spec.*' -o -iname '*.md' \) -delete
find "$1" -depth -type d \( -name test -o -name tests -o -name __tests__ -o -name .github \) -exec rm -rf {} +
