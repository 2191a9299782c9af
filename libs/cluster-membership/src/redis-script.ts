/*
 * The decisions of ledger.ts as one Lua script: the only second implementation, held to the first by the conformance
 * suite. It runs atomically on the Redis server with the server's own TIME, and touches only what is due, so that a
 * heartbeat costs O(log n) while no lease is over and O(n * accusations) while one is. Keys of one cluster share a hash tag and so a slot.
 *
 *   meta      hash  epoch, created (tells this life of the registry from the one before it was wiped), last and
 *                   offset (the clock that never goes back), until, floor, expected (settling; none when until is 0)
 *   members   hash  id -> JSON record, of the members in the view
 *   leases    hash  id -> incarnation:leaseMs:sharedOutage:heldUntilMs:leaving, of all who hold one
 *   expiry    zset  id by the end of its lease, of all who hold one
 *   overdue   zset  id by the time half its lease has passed, of the members in the view
 *   crashes   hash  id -> count:lastMs
 *   returned  set   ids that came back while settling
 *   epochs    hash  id -> admittedEpoch:seenEpoch, of the members in the view
 *   accusations  hash  accuser -> lines of sinceMs:kind:incarnation:id; kind is s (silent) or r (refused)
 *
 * Numbers cross as strings of digits and are floats inside: Lua 5.1 (Redis) would print large ones with an exponent,
 * Lua 5.3 (the mock) would print `5.0` and wrap its 32-bit integers. No cjson, no pcall, no nil and no
 * table that grew in replies (the mock drops it).
 *
 * ARGV: operation, channel, id, incarnation, leaseMs, minEpoch, viewSize, record, leaving (0 or 1), the caller's
 *       known version, freeCrashes, baseHoldMs, maxHoldMs, windowMs, accusations as lines of kind:incarnation:id
 * Reply: {'superseded', incarnation} or
 *        {'ok', serverMs, epoch, version, held back (0 or 1), view given (0 or 1), expelled ids by line, {records},
 *         admittedEpoch, overdue ids by line}
 */
export const SCRIPT_KEYS = [
  ...(['meta', 'members', 'leases', 'expiry', 'overdue', 'crashes', 'returned', 'epochs', 'accusations'] as const),
];

const source = String.raw`
local kMeta, kMembers, kLeases, kExpiry = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local kOverdue, kCrashes, kReturned, kEpochs, kAccusations = KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local function num(s) return tonumber(s) + 0.0 end
local function str(n) return string.format('%.0f', n) end
local function meta(field)
  local v = redis.call('HGET', kMeta, field)
  if v then return num(v) end
  return 0.0
end

local operation, channel, caller = ARGV[1], ARGV[2], ARGV[3]
local incarnation, leaseMs, minEpoch, viewSize = num(ARGV[4]), num(ARGV[5]), num(ARGV[6]), num(ARGV[7])
local record, leaving, known = ARGV[8], ARGV[9], ARGV[10]
local freeCrashes, baseHoldMs, maxHoldMs, windowMs = num(ARGV[11]), num(ARGV[12]), num(ARGV[13]), num(ARGV[14])
local accuses = ARGV[15]

local t = redis.call('TIME')
local server = num(t[1]) * 1000.0 + math.floor(num(t[2]) / 1000.0)
local epoch, created, last, offset = meta('epoch'), meta('created'), meta('last'), meta('offset')
local now = server + offset
if now < last then now = last end
local settleUntil, floorEpoch, expected = meta('until'), meta('floor'), meta('expected')
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
  if not s then return 0.0, 0.0 end
  local admitted, seen = string.match(s, '^(%d+):(%d+)$')
  return num(admitted), num(seen)
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
      local at = math.max(epochsOf(id), seen)
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
  local said, live, gone, guilty = {}, 0, {}, {}
  for _, id in ipairs(shown) do
    local ends = redis.call('ZSCORE', kExpiry, id)
    if ends and num(ends) > now then
      said[id] = accusationsOf(id)
      live = live + 1
    end
  end
  for id, l in pairs(suspects) do
    local refused = 0
    for _, accusations in pairs(said) do
      local a = accusations[id]
      if a and a.inc == l.inc and a.kind == 'r' then refused = refused + 1 end
    end
    if refused * 2 > live then gone[id] = true end
  end
  local function votes(voter, suspect, l)
    if gone[voter] then return true end
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
local function raise(floor)
  epoch = math.max(epoch, floor) + 1
  changed = true
end
local function catchUp(returning)
  if settleUntil == 0 then
    if minEpoch <= epoch then return end
    settleUntil, floorEpoch, expected = now + leaseMs, minEpoch, 0.0
    redis.call('DEL', kReturned)
    changed = true
  end
  floorEpoch = math.max(floorEpoch, minEpoch)
  expected = math.max(expected, viewSize)
  if returning then redis.call('SADD', kReturned, caller) end
  dirty = true
end
local function finish()
  if settleUntil == 0 then
    sweep()
    if viewChanged then raise(0) end
  elseif num(redis.call('SCARD', kReturned)) >= expected or now >= settleUntil then
    settleUntil = 0.0
    redis.call('DEL', kReturned)
    sweep()
    raise(floorEpoch)
  end
end

local damped = '0'
if operation == 'heartbeat' then
  local before = lease(caller)
  local ends = redis.call('ZSCORE', kExpiry, caller)
  if before and before.inc > incarnation and ends and num(ends) > now then
    return { 'superseded', str(before.inc) }
  end
  catchUp(minEpoch > 0)
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
    local admitted = 0.0
    if shown then admitted = epochsOf(caller) elseif settleUntil == 0 then admitted = epoch + 1 end
    redis.call('HSET', kEpochs, caller, str(admitted) .. ':' .. str(math.max(minEpoch, admitted)))
    if shown ~= record then
      redis.call('HSET', kMembers, caller, record)
      viewChanged = true
    end
  else
    damped = '1'
    redis.call('ZREM', kOverdue, caller)
    redis.call('HDEL', kEpochs, caller)
    if shown then
      redis.call('HDEL', kMembers, caller)
      viewChanged = true
    end
  end
  dirty = true
  finish()
elseif operation == 'remove' then
  local before = lease(caller)
  if before and before.inc <= incarnation then
    drop(caller)
    redis.call('HDEL', kCrashes, caller)
    dirty = true
    if before.held == 0 and settleUntil == 0 then raise(minEpoch) end
  end
else
  if redis.call('EXISTS', kLeases) == 1 then catchUp(false) end
  finish()
end

if dirty or changed or created > 0 then
  if created == 0 then created = server end
  redis.call('HSET', kMeta, 'epoch', str(epoch), 'created', str(created), 'last', str(now),
    'offset', str(now - server), 'until', str(settleUntil), 'floor', str(floorEpoch), 'expected', str(expected))
end
if changed then redis.call('PUBLISH', channel, str(epoch)) end

local version = str(created) .. ':' .. str(epoch)
local given, records = '0', {}
if settleUntil ~= 0 or epoch == 0 then
  epoch, version, given = 0.0, '', '1'
elseif version ~= known then
  given, records = '1', redis.call('HVALS', kMembers)
end
local overdue = redis.call('ZRANGEBYSCORE', kOverdue, '-inf', str(now))
return { 'ok', str(server), str(epoch), version, damped, given, table.concat(expelled, '\n'), records,
  str((epochsOf(caller))), table.concat(overdue, '\n') }
`;

/** What is sent: without indentation. */
export const SCRIPT = source.replace(/^\s+/gm, '');
