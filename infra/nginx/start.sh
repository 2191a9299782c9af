#!/bin/sh
# Runs Nginx in the foreground and keeps its list of masters in step with DNS: once a second the names in
# NGINX_MASTERS are resolved again and every address is asked whether it is ready; when the list has changed, Nginx is
# told to read it anew, which drops no request. Works with every Nginx from 1.22 on, as any user, on a read-only root.
set -eu

: "${NGINX_MASTERS:=master:8080}"               # host:port, several separated by spaces
: "${NGINX_PORT:=8080}"
: "${NGINX_WORKERS:=2}"
: "${NGINX_MAX_BODY_BYTES:=8388608}"            # DCS_BULK_MAX_BYTES of the masters
: "${NGINX_RATE:=20000r/s}"                     # per client address
: "${NGINX_BURST:=10000}"                       # requests above the rate that are served at once
: "${NGINX_CONNECTIONS_PER_CLIENT:=1000}"
: "${NGINX_LARGE_BODIES_PER_CLIENT:=64}"       # bodies above 64 KB on their way at a time
: "${NGINX_TRUSTED_PROXIES:=}"                 # addresses or networks whose X-Forwarded-For names the client
: "${NGINX_CLIENT_TIMEOUT:=10s}"                # for the headers as a whole, and between two reads or writes of a body
: "${NGINX_TLS_CERTIFICATE:=}"                  # a PEM file: switches TLS on
: "${NGINX_TLS_CERTIFICATE_KEY:=}"
: "${NGINX_TLS_PORT:=8443}"
: "${NGINX_ACCESS_LOG:=/dev/stdout}"
: "${NGINX_RUN_DIR:=/tmp/nginx}"                # everything that is written
: "${NGINX_TEMPLATES:=/etc/nginx/templates}"
: "${NGINX_CHECK_SECONDS:=1}"
export NGINX_PORT NGINX_WORKERS NGINX_MAX_BODY_BYTES NGINX_RATE NGINX_BURST NGINX_CONNECTIONS_PER_CLIENT \
    NGINX_LARGE_BODIES_PER_CLIENT NGINX_CLIENT_TIMEOUT NGINX_TLS_CERTIFICATE NGINX_TLS_CERTIFICATE_KEY NGINX_TLS_PORT NGINX_ACCESS_LOG NGINX_RUN_DIR

log() { echo "start.sh: $*" >&2; }

# render NAME: a template with its variables, and no others, filled in
render() {
    # shellcheck disable=SC2016 # envsubst reads the names
    envsubst '$NGINX_PORT $NGINX_WORKERS $NGINX_MAX_BODY_BYTES $NGINX_RATE $NGINX_BURST
        $NGINX_CONNECTIONS_PER_CLIENT $NGINX_LARGE_BODIES_PER_CLIENT $NGINX_CLIENT_TIMEOUT $NGINX_TLS_CERTIFICATE $NGINX_TLS_CERTIFICATE_KEY
        $NGINX_TLS_PORT $NGINX_ACCESS_LOG $NGINX_RUN_DIR' <"$NGINX_TEMPLATES/$1.template" >"$NGINX_RUN_DIR/$1"
}

# Every address behind the names, one host:port a line, sorted.
resolve() {
    for master in $NGINX_MASTERS; do
        getent ahosts "${master%:*}" | while read -r address kind _; do
            [ "$kind" = STREAM ] || continue
            case $address in *:*) address="[$address]" ;; esac
            echo "$address:${master##*:}"
        done
    done | sort -u
}

# Those of the addresses given that answer that they are ready.
ready() {
    set -- $(for address; do printf -- '-o /dev/null http://%s/health/ready ' "$address"; done)
    curl --silent --noproxy '*' --globoff --parallel --parallel-immediate --max-time 2 \
        --write-out '%{http_code} %{url_effective}\n' "$@" 2>/dev/null |
        sed -n 's|^200 http://\(.*\)/health/ready$|\1|p' | sort
}

# The masters that get requests: those that are ready. When none is, all of them, so that clients hear why; when DNS
# knows none, those of the last time.
masters() {
    all=$(resolve)
    [ -n "$all" ] || return 0
    # shellcheck disable=SC2086 # one argument per address
    chosen=$(ready $all) || true
    echo "${chosen:-$all}"
}

write_upstream() {
    {
        echo 'upstream dcs_masters {'
        echo '    zone dcs_masters 128k;'
        echo '    least_conn;'
        for address; do echo "    server $address max_fails=3 fail_timeout=1s;"; done
        [ $# -gt 0 ] || echo '    server 127.0.0.1:1 down;'
        echo '    keepalive 64;'
        echo '    keepalive_requests 1000000;'
        # Less than DCS_HTTP_KEEP_ALIVE_TIMEOUT_MS: a master must not close a connection that gets a request.
        echo '    keepalive_timeout 60s;'
        echo '}'
    } >"$NGINX_RUN_DIR/upstream.conf"
}

umask 022
mkdir -p "$NGINX_RUN_DIR"
for name in nginx.conf routes.conf problems.conf answer-problem.conf errors.conf; do render "$name"; done
{
    for proxy in $NGINX_TRUSTED_PROXIES; do echo "set_real_ip_from $proxy;"; done
    [ -z "$NGINX_TRUSTED_PROXIES" ] || printf '%s\n' 'real_ip_header X-Forwarded-For;' 'real_ip_recursive on;'
} >"$NGINX_RUN_DIR/real-ip.conf"
if [ -n "$NGINX_TLS_CERTIFICATE" ]; then render tls.conf; else : >"$NGINX_RUN_DIR/tls.conf"; fi

current=$(masters)
# shellcheck disable=SC2086
write_upstream $current

# From 1.27.4 on, a reload can spare connections that are in use but idle at this very moment.
echo 'keepalive_min_timeout 2s;' >"$NGINX_RUN_DIR/version.conf"
nginx -t -q -c "$NGINX_RUN_DIR/nginx.conf" 2>/dev/null || : >"$NGINX_RUN_DIR/version.conf"
nginx -t -q -c "$NGINX_RUN_DIR/nginx.conf"

nginx -c "$NGINX_RUN_DIR/nginx.conf" -g 'daemon off;' &
nginx=$!
trap 'kill -QUIT "$nginx" 2>/dev/null || true' TERM QUIT INT

while kill -0 "$nginx" 2>/dev/null; do
    sleep "$NGINX_CHECK_SECONDS" &
    wait $! || true
    found=$(masters)
    if [ -n "$found" ] && [ "$found" != "$current" ]; then
        current=$found
        # shellcheck disable=SC2086
        log masters: $current
        # shellcheck disable=SC2086
        write_upstream $current
        kill -HUP "$nginx" 2>/dev/null || true
    fi
done
wait "$nginx"
