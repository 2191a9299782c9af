import { append } from './append.command.js';
import { auth } from './auth.command.js';
import { client } from './client.command.js';
import { cluster } from './cluster.command.js';
import { command } from './command.command.js';
import { dbsize } from './dbsize.command.js';
import { dcsAuth } from './dcs-auth.command.js';
import { dcsBackup } from './dcs-backup.command.js';
import { dcsDel } from './dcs-del.command.js';
import { dcsDigest } from './dcs-digest.command.js';
import { dcsDrain } from './dcs-drain.command.js';
import { dcsFetch } from './dcs-fetch.command.js';
import { dcsGet } from './dcs-get.command.js';
import { dcsHead } from './dcs-head.command.js';
import { dcsHello } from './dcs-hello.command.js';
import { dcsIncr } from './dcs-incr.command.js';
import { dcsLease } from './dcs-lease.command.js';
import { dcsMerge } from './dcs-merge.command.js';
import { dcsOrigin } from './dcs-origin.command.js';
import { dcsProbe } from './dcs-probe.command.js';
import { dcsPull } from './dcs-pull.command.js';
import { dcsRemembered } from './dcs-remembered.command.js';
import { dcsSet } from './dcs-set.command.js';
import { dcsStats } from './dcs-stats.command.js';
import { dcsSync } from './dcs-sync.command.js';
import { dcsTouch } from './dcs-touch.command.js';
import { dcsView } from './dcs-view.command.js';
import { dcsVouch } from './dcs-vouch.command.js';
import { decr } from './decr.command.js';
import { decrby } from './decrby.command.js';
import { del } from './del.command.js';
import { echo } from './echo.command.js';
import { exists } from './exists.command.js';
import { expire } from './expire.command.js';
import { expireat } from './expireat.command.js';
import { expiretime } from './expiretime.command.js';
import { flushall } from './flushall.command.js';
import { get } from './get.command.js';
import { getdel } from './getdel.command.js';
import { getex } from './getex.command.js';
import { getset } from './getset.command.js';
import { hello } from './hello.command.js';
import { incr } from './incr.command.js';
import { incrby } from './incrby.command.js';
import { info } from './info.command.js';
import { mget } from './mget.command.js';
import { mset } from './mset.command.js';
import { persist } from './persist.command.js';
import { pexpire } from './pexpire.command.js';
import { pexpireat } from './pexpireat.command.js';
import { pexpiretime } from './pexpiretime.command.js';
import { ping } from './ping.command.js';
import { psetex } from './psetex.command.js';
import { pttl } from './pttl.command.js';
import { quit } from './quit.command.js';
import { reset } from './reset.command.js';
import { scan } from './scan.command.js';
import { select } from './select.command.js';
import { set } from './set.command.js';
import { setex } from './setex.command.js';
import { setnx } from './setnx.command.js';
import { strlen } from './strlen.command.js';
import { ttl } from './ttl.command.js';
import { type } from './type.command.js';
import { unlink } from './unlink.command.js';
import type { Command } from './command.js';

const COMMANDS: readonly Command[] = [
  append,
  auth,
  client,
  cluster,
  command,
  dbsize,
  dcsAuth,
  dcsBackup,
  dcsDel,
  dcsDigest,
  dcsDrain,
  dcsFetch,
  dcsGet,
  dcsHead,
  dcsHello,
  dcsIncr,
  dcsLease,
  dcsMerge,
  dcsOrigin,
  dcsProbe,
  dcsPull,
  dcsRemembered,
  dcsSet,
  dcsStats,
  dcsSync,
  dcsTouch,
  dcsView,
  dcsVouch,
  decr,
  decrby,
  del,
  echo,
  exists,
  expire,
  expireat,
  expiretime,
  flushall,
  get,
  getdel,
  getex,
  getset,
  hello,
  incr,
  incrby,
  info,
  mget,
  mset,
  persist,
  pexpire,
  pexpireat,
  pexpiretime,
  ping,
  psetex,
  pttl,
  quit,
  reset,
  scan,
  select,
  set,
  setex,
  setnx,
  strlen,
  ttl,
  type,
  unlink,
];

/** Every command of a node by its upper-case name. */
export const commandTable: ReadonlyMap<string, Command> = new Map(COMMANDS.map((command) => [command.name, command]));
