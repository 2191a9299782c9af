import { EPOCHS } from './epoch.js';
import { MAX_KNOWN } from './ledger.js';

/*
 * The decisions of ledger.ts as one Lua script: the only second implementation, held to the first by the conformance
 * suite. It runs atomically on the Redis server with the server's own TIME, and touches only what is due, so that a
 * heartbeat costs O(log n) while no lease is over and O(n * accusations) while one is. Keys of one cluster share a hash tag and so a slot.
 *
 *   meta      hash  epoch, server (run id of the one that wrote it), parent (the history before), last and offset (the clock that never goes back)
 *   members   hash  id -> JSON record, of the members in the view
 *   leases    hash  id -> incarnation:leaseMs:sharedOutage:heldUntilMs:leaving, of all who hold one
 *   expiry    zset  id by the end of its lease, of all who hold one
 *   overdue   zset  id by the time half its lease has passed, of the members in the view
 *   crashes   hash  id -> count:lastMs
 *   known     hash  history -> highest epoch of it that is known here, without the present one
 *   epochs    hash  id -> admittedEpoch:seenEpoch:takenOver:heard, of all who hold a lease
 *   accusations  hash  accuser -> lines of sinceMs:kind:incarnation:id; kind is s (silent) or r (refused)
 *
 * Numbers cross as strings of digits and are floats inside: Lua 5.1 (Redis) would print large ones with an exponent,
 * Lua 5.3 (the mock) would print `5.0` and wrap its 32-bit integers. No cjson, no pcall, no nil and no
 * table that grew in replies (the mock drops it).
 *
 * The lines of `leases` and the fields epoch, last and offset are as in the release before, whose script may run on the
 * same keys during an upgrade. Its field `until` is kept at 0.
 *
 * ARGV: operation, channel, id, incarnation, leaseMs, epoch of the caller's last view, whether that view is given (0 or
 *       1), record, leaving (0 or 1), the epoch that the caller has the members of, freeCrashes, baseHoldMs, maxHoldMs,
 *       windowMs, accusations as lines of kind:incarnation:id, then per member of the last view, where it is given: id,
 *       incarnation, leaving, record
 * Reply: {'superseded', incarnation}, or {'last'}: the last view is wanted and was not given, or
 *        {'ok', serverMs, epoch, held back (0 or 1), view given (0 or 1), expelled ids by line, {records},
 *         admittedEpoch, overdue ids by line}
 */
export const SCRIPT_KEYS = [
  ...(['meta', 'members', 'leases', 'expiry', 'overdue', 'crashes', 'known', 'epochs', 'accusations'] as const),
];

const source = String.raw`
local kMeta, kMembers, kLeases, kExpiry = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local kOverdue, kCrashes, kKnown, kEpochs, kAccusations = KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local function num(s) return tonumber(s) + 0.0 end
local function str(n) return string.format('%.0f', n) end
local function meta(field)
  local v = redis.call('HGET', kMeta, field)
  if v then return num(v) end
  return 0.0
end

local operation, channel, caller = ARGV[1], ARGV[2], ARGV[3]
local incarnation, leaseMs, lastEpoch, lastGiven = num(ARGV[4]), num(ARGV[5]), num(ARGV[6]), ARGV[7]
local record, leaving, known = ARGV[8], ARGV[9], ARGV[10]
local freeCrashes, baseHoldMs, maxHoldMs, windowMs = num(ARGV[11]), num(ARGV[12]), num(ARGV[13]), num(ARGV[14])
local accuses = ARGV[15]

local t = redis.call('TIME')
local server = num(t[1]) * 1000.0 + math.floor(num(t[2]) / 1000.0)
local epoch, last, offset, parent = meta('epoch'), meta('last'), meta('offset'), meta('parent')
local now = server + offset
if now < last then now = last end
local info = redis.call('INFO', 'server')
local runId = ''
if type(info) == 'string' then runId = string.match(info, 'run_id:(%w+)') or '' end
local moved = (redis.call('HGET', kMeta, 'server') or '') ~= runId
local size = num(redis.call('ZCARD', kOverdue))
local mass = num(redis.call('ZCOUNT', kOverdue, '-inf', str(now))) * 2 > size
local viewChanged, changed, dirty = false, false, false
local expelled = {}

local function lease(id)
  local s = redis.call('HGET', kLeases, id)
  if not s then return nil end
  local inc, ms, shared, held, leaves = string.match(s, '^(%d+):(%d+):(%d):(%d+):(%d)$')
  return { inc = num(inc), ms = num(ms), shared = shared, held = num(held), leaves = leaves }
end
local function store(id, l, expiresAt)
  redis.call('HSET', kLeases, id,
    str(l.inc) .. ':' .. str(l.ms) .. ':' .. l.shared .. ':' .. str(l.held) .. ':' .. l.leaves)
  redis.call('ZADD', kExpiry, str(expiresAt), id)
end
local function drop(id)
  redis.call('HDEL', kLeases, id)
  redis.call('HDEL', kMembers, id)
  redis.call('ZREM', kExpiry, id)
  redis.call('ZREM', kOverdue, id)
  redis.call('HDEL', kEpochs, id)
  redis.call('HDEL', kAccusations, id)
end
local function epochsOf(id)
  local s = redis.call('HGET', kEpochs, id)
  if not s then return 0.0, 0.0, '0', '0' end
  local admitted, seen, taken, heard = string.match(s, '^(%d+):(%d+):(%d):(%d)$')
  return num(admitted), num(seen), taken, heard
end
local function setEpochs(id, admitted, seen, taken, heard)
  redis.call('HSET', kEpochs, id, str(admitted) .. ':' .. str(seen) .. ':' .. taken .. ':' .. heard)
end
local function accusationsOf(id)
  local found = {}
  local s = redis.call('HGET', kAccusations, id)
  if not s then return found end
  for line in string.gmatch(s, '[^\n]+') do
    local since, kind, inc, accused = string.match(line, '^(%d+):(%a):(%d+):(.*)$')
    found[accused] = { since = num(since), kind = kind, inc = num(inc) }
  end
  return found
end
local function accuse()
  local before = accusationsOf(caller)
  local text = ''
  for line in string.gmatch(accuses, '[^\n]+') do
    local kind, inc, accused = string.match(line, '^(%a):(%d+):(.*)$')
    local since = now
    local earlier = before[accused]
    if earlier and earlier.inc == num(inc) then since = earlier.since end
    text = text .. str(since) .. ':' .. kind .. ':' .. inc .. ':' .. accused .. '\n'
  end
  if text == '' then redis.call('HDEL', kAccusations, caller) else redis.call('HSET', kAccusations, caller, text) end
end
local function recentCrashes(id)
  local s = redis.call('HGET', kCrashes, id)
  if not s then return 0.0 end
  local count, at = string.match(s, '^(%d+):(%d+)$')
  if num(at) < now - windowMs then return 0.0 end
  return num(count)
end
local function countCrash(id, l)
  if mass or l.shared == '1' or l.leaves == '1' then return end
  local count = recentCrashes(id) + 1
  local all = redis.call('HGETALL', kCrashes)
  for i = 1, #all, 2 do
    local at = string.match(all[i + 1], ':(%d+)$')
    if num(at) < now - windowMs then redis.call('HDEL', kCrashes, all[i]) end
  end
  redis.call('HSET', kCrashes, id, str(count) .. ':' .. str(now))
end
local function holdUntil(id)
  local excess = recentCrashes(id) - freeCrashes
  if excess <= 0 then return 0.0 end
  local hold = math.min(maxHoldMs, baseHoldMs * 2 ^ math.min(excess - 1, 32))
  if hold == 0 then return 0.0 end
  return now + hold
end
local function markOutage()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', kOverdue, '-inf', str(now))) do
    local l = lease(id)
    if l and l.shared == '0' and (id ~= caller or operation ~= 'heartbeat') then
      l.shared = '1'
      store(id, l, num(redis.call('ZSCORE', kExpiry, id) or '0'))
      dirty = true
    end
  end
end
local function isOutvoted(suspect, l, shown, votes)
  local _, seen = epochsOf(suspect)
  local steps, members, against = {}, {}, {}
  for _, id in ipairs(shown) do
    if id ~= suspect then
      local at = math.max((epochsOf(id)), seen)
      if not members[at] then
        steps[#steps + 1] = at
        members[at], against[at] = 0, 0
      end
      members[at] = members[at] + 1
      if votes(id, suspect, l) then against[at] = against[at] + 1 end
    end
  end
  table.sort(steps)
  local size, count = 1, 0
  for _, at in ipairs(steps) do
    if at > seen and count * 2 < size then return false end
    size, count = size + members[at], count + against[at]
  end
  return count * 2 >= size
end
local function condemned(suspects)
  local shown = redis.call('ZRANGE', kOverdue, 0, -1)
  local said, live, gone, longGone, guilty = {}, 0, {}, {}, {}
  for _, id in ipairs(shown) do
    local ends = redis.call('ZSCORE', kExpiry, id)
    if ends and num(ends) > now then
      said[id] = accusationsOf(id)
      live = live + 1
    end
  end
  for id, l in pairs(suspects) do
    local refused, stood = 0, 0
    for _, accusations in pairs(said) do
      local a = accusations[id]
      if a and a.inc == l.inc and a.kind == 'r' then
        refused = refused + 1
        if a.since + l.ms / 2 <= now then stood = stood + 1 end
      end
    end
    if refused * 2 > live then gone[id] = true end
    if stood * 2 > live then longGone[id] = true end
  end
  local function votes(voter, suspect, l)
    if longGone[voter] then return true end
    local a = said[voter] and said[voter][suspect]
    return a and a.inc == l.inc and a.since + l.ms / 2 <= now
  end
  for id, l in pairs(suspects) do
    if gone[id] or isOutvoted(id, l, shown, votes) then guilty[#guilty + 1] = id end
  end
  return guilty
end
local function sweep()
  if mass then markOutage() end
  local suspects, found = {}, false
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', kExpiry, '-inf', str(now))) do
    if id ~= caller or operation ~= 'heartbeat' then
      local l = lease(id)
      if not l then
        drop(id)
        dirty, viewChanged = true, true
      elseif l.held ~= 0 then
        drop(id)
        countCrash(id, l)
        dirty = true
      else
        suspects[id] = l
        found = true
      end
    end
  end
  if not found then return end
  for _, id in ipairs(condemned(suspects)) do
    drop(id)
    countCrash(id, suspects[id])
    expelled[#expelled + 1] = id
    dirty, viewChanged = true, true
  end
end
local function historyOf(e) return math.floor(e / ${EPOCHS.numbers}) + 0.0 end
local function highestKnown(history)
  local s = redis.call('HGET', kKnown, str(history))
  if s then return num(s) end
  return 0.0
end
local function knows(e)
  if e == 0 then return true end
  local history = historyOf(e)
  if history == historyOf(epoch) then return e <= epoch end
  return e <= highestKnown(history)
end
local function note(e)
  redis.call('HSET', kKnown, str(historyOf(e)), str(e))
  local all, lowest = redis.call('HGETALL', kKnown), nil
  if #all <= 2 * ${MAX_KNOWN} then return end
  for i = 1, #all, 2 do
    if not lowest or num(all[i]) < lowest then lowest = num(all[i]) end
  end
  redis.call('HDEL', kKnown, str(lowest))
end
local function begin(seen)
  parent = historyOf(epoch)
  if epoch > 0 then note(epoch) end
  local highest = math.max(epoch, seen)
  local history = math.max(1.0, math.floor((server - ${EPOCHS.originMs}.0) / 1000.0 * ${EPOCHS.perSecond}))
  if highest > 0 then history = math.max(history, historyOf(highest) + 2) end
  epoch = history * ${EPOCHS.numbers}.0
  for _, id in ipairs(redis.call('HKEYS', kLeases)) do
    local l = lease(id)
    if l then
      store(id, l, now + l.ms)
      if l.held == 0 then redis.call('ZADD', kOverdue, str(now + math.ceil(l.ms / 2)), id) end
      local admitted, seenOf, taken = epochsOf(id)
      setEpochs(id, admitted, seenOf, taken, '0')
      redis.call('HDEL', kAccusations, id)
    end
  end
  viewChanged = true
end
local function takeOver()
  local isLater = historyOf(lastEpoch) == parent and parent > 0
  note(lastEpoch)
  local inView = {}
  for i = 16, #ARGV, 4 do inView[ARGV[i]] = true end
  if isLater then
    for _, id in ipairs(redis.call('HKEYS', kMembers)) do
      local _, _, taken, heard = epochsOf(id)
      if heard == '0' and taken == '0' and not inView[id] then
        drop(id)
        viewChanged = true
      end
    end
  end
  for i = 16, #ARGV, 4 do
    local id, inc, leaves, text = ARGV[i], num(ARGV[i + 1]), ARGV[i + 2], ARGV[i + 3]
    local own = lease(id)
    local admitted, seen, taken, heard = epochsOf(id)
    if not own or (heard == '0' and own.inc <= inc) then
      if not own or own.held ~= 0 or own.inc ~= inc then admitted, seen, taken = epoch + 1, epoch + 1, '1' end
      store(id, { inc = inc, ms = leaseMs, shared = '0', held = 0.0, leaves = leaves }, now + leaseMs)
      redis.call('ZADD', kOverdue, str(now + math.ceil(leaseMs / 2)), id)
      setEpochs(id, admitted, seen, taken, '0')
      redis.call('HDEL', kAccusations, id)
      if redis.call('HGET', kMembers, id) ~= text then
        redis.call('HSET', kMembers, id, text)
        viewChanged = true
      end
    end
  end
  dirty = true
end
local function meet()
  local isKnown = knows(lastEpoch)
  if epoch == 0 or moved or lastEpoch > epoch then begin(lastEpoch) end
  if not isKnown then takeOver() end
end
local function raiseIfChanged()
  if not viewChanged then return end
  if historyOf(epoch + 1) ~= historyOf(epoch) then begin(0) end
  epoch = epoch + 1
  changed, dirty = true, true
end

if not knows(lastEpoch) and lastGiven == '0' then return { 'last' } end
local damped = '0'
if operation == 'heartbeat' then
  local before = lease(caller)
  local ends = redis.call('ZSCORE', kExpiry, caller)
  if before and before.inc > incarnation and ends and num(ends) > now then
    return { 'superseded', str(before.inc) }
  end
  meet()
  before = lease(caller)
  local restarted = before and before.inc ~= incarnation
  if restarted then countCrash(caller, before) end
  local held
  if before and not restarted then held = before.held else held = holdUntil(caller) end
  if held ~= 0 then
    local others = num(redis.call('ZCARD', kOverdue))
    if redis.call('ZSCORE', kOverdue, caller) then others = others - 1 end
    if held <= now or others == 0 then held = 0.0 end
  end
  store(caller, { inc = incarnation, ms = leaseMs, shared = '0', held = held, leaves = leaving }, now + leaseMs)
  local shown = redis.call('HGET', kMembers, caller)
  accuse()
  if held == 0 then
    redis.call('ZADD', kOverdue, str(now + math.ceil(leaseMs / 2)), caller)
    local admitted, _, taken = epochsOf(caller)
    if not shown then admitted, taken = epoch + 1, '0' end
    setEpochs(caller, admitted, math.max(lastEpoch, admitted), taken, '1')
    if shown ~= record then
      redis.call('HSET', kMembers, caller, record)
      viewChanged = true
    end
  else
    damped = '1'
    redis.call('ZREM', kOverdue, caller)
    setEpochs(caller, 0.0, lastEpoch, '0', '1')
    if shown then
      redis.call('HDEL', kMembers, caller)
      viewChanged = true
    end
  end
  dirty = true
  sweep()
elseif operation == 'remove' then
  if epoch > 0 or lastEpoch > 0 then meet() end
  local before = lease(caller)
  if before and before.inc <= incarnation then
    drop(caller)
    redis.call('HDEL', kCrashes, caller)
    dirty = true
    if before.held == 0 then viewChanged = true end
  end
else
  if epoch > 0 or lastEpoch > 0 then meet() end
  sweep()
end
raiseIfChanged()

if dirty or epoch > 0 then
  redis.call('HSET', kMeta, 'epoch', str(epoch), 'server', runId, 'last', str(now), 'offset', str(now - server),
    'parent', str(parent), 'until', '0')
end
if changed then redis.call('PUBLISH', channel, str(epoch)) end

local given, records = '0', {}
if str(epoch) ~= known then
  given, records = '1', redis.call('HVALS', kMembers)
end
local overdue = redis.call('ZRANGEBYSCORE', kOverdue, '-inf', str(now))
local admitted, _, taken = epochsOf(caller)
if taken == '1' or operation ~= 'heartbeat' then admitted = 0.0 end
return { 'ok', str(server), str(epoch), damped, given, table.concat(expelled, '\n'), records, str(admitted),
  table.concat(overdue, '\n') }
`;

/** What is sent: without indentation. */
export const SCRIPT = source.replace(/^\s+/gm, '');
