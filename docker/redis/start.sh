#!/bin/sh
# Runs the registry: one user, who can do what membership needs and no more (exists, sadd, scard and del: the release
# before this one, during an upgrade).
set -eu
: "${REDIS_PASSWORD:?}" "${DCS_CLUSTER:=dcs}"
hash=$(printf %s "$REDIS_PASSWORD" | sha256sum | cut -d' ' -f1)
umask 077
cat >/run/redis/users.acl <<ACL
user default on nopass -@all +ping
user dcs on #$hash resetkeys ~dcs:{$DCS_CLUSTER}:* resetchannels &dcs:{$DCS_CLUSTER}:changes -@all +eval +evalsha +time +exists +hget +hset +hdel +hgetall +hvals +zadd +zrem +zcard +zcount +zscore +zrange +zrangebyscore +sadd +scard +del +hkeys +publish +subscribe +unsubscribe +info +ping
ACL
unset REDIS_PASSWORD
exec redis-server /etc/redis/redis.conf
