/*
 * The decisions of ledger.ts as one Lua script: the only second implementation, held to the first by the conformance
 * suite. It runs atomically on the Redis server with the server's own TIME, and touches only what is due, so that a
 * heartbeat costs O(log n + leases that are over) and not O(n). Keys of one cluster share a hash tag and so a slot.
 *
 *   meta      hash  epoch, created (tells this life of the registry from the one before it was wiped), last and
 *                   offset (the clock that never goes back), until, floor, expected (settling; none when until is 0)
 *   members   hash  id -> JSON record, of the members in the view
 *   leases    hash  id -> incarnation:leaseMs:prolonged:heldUntilMs:leaving, of all who hold one
 *   expiry    zset  id by the end of its lease, of all who hold one
 *   overdue   zset  id by the time half its lease has passed, of the members in the view
 *   crashes   hash  id -> count:lastMs
 *   returned  set   ids that came back while settling
 *
 * Numbers cross as strings of digits and are floats inside: Lua 5.1 (Redis) would print large ones with an exponent,
 * Lua 5.3 (the mock) would print `5.0` and wrap its 32-bit integers. No cjson, no pcall, no nil and no
 * table that grew in replies (the mock drops it).
 *
 * ARGV: operation, channel, id, incarnation, leaseMs, minEpoch, viewSize, record, leaving (0 or 1), the caller's
 *       known version, freeCrashes, baseHoldMs, maxHoldMs, windowMs
 * Reply: {'superseded', incarnation} or
 *        {'ok', serverMs, epoch, version, standing (1 held back, 2 new in the view, else 0), view given (0 or 1), expired ids by line, {records}}
 */
export const SCRIPT_KEYS = ['meta', 'members', 'leases', 'expiry', 'overdue', 'crashes', 'returned'] as const;

const source = String.raw`
local kMeta, kMembers, kLeases, kExpiry = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local kOverdue, kCrashes, kReturned = KEYS[5], KEYS[6], KEYS[7]
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

local t = redis.call('TIME')
local server = num(t[1]) * 1000.0 + math.floor(num(t[2]) / 1000.0)
local epoch, created, last, offset = meta('epoch'), meta('created'), meta('last'), meta('offset')
local now = server + offset
if now < last then now = last end
local settleUntil, floorEpoch, expected = meta('until'), meta('floor'), meta('expected')
local size = num(redis.call('ZCARD', kOverdue))
local mass = num(redis.call('ZCOUNT', kOverdue, '-inf', str(now))) * 2 > size
local viewChanged, changed, dirty = false, false, false
local expired = {}

local function lease(id)
  local s = redis.call('HGET', kLeases, id)
  if not s then return nil end
  local inc, ms, prolonged, held, leaves = string.match(s, '^(%d+):(%d+):(%d):(%d+):(%d)$')
  return { inc = num(inc), ms = num(ms), prolonged = prolonged, held = num(held), leaves = leaves }
end
local function store(id, l, expiresAt)
  redis.call('HSET', kLeases, id,
    str(l.inc) .. ':' .. str(l.ms) .. ':' .. l.prolonged .. ':' .. str(l.held) .. ':' .. l.leaves)
  redis.call('ZADD', kExpiry, str(expiresAt), id)
end
local function drop(id)
  redis.call('HDEL', kLeases, id)
  redis.call('HDEL', kMembers, id)
  redis.call('ZREM', kExpiry, id)
  redis.call('ZREM', kOverdue, id)
end
local function recentCrashes(id)
  local s = redis.call('HGET', kCrashes, id)
  if not s then return 0.0 end
  local count, at = string.match(s, '^(%d+):(%d+)$')
  if num(at) < now - windowMs then return 0.0 end
  return num(count)
end
local function countCrash(id, l)
  if mass or l.prolonged == '1' or l.leaves == '1' then return end
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
local function prolongOverdue()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', kOverdue, '-inf', str(now))) do
    local l = lease(id)
    if l and l.held == 0 and l.prolonged == '0' and (id ~= caller or operation ~= 'heartbeat') then
      local ends = num(redis.call('ZSCORE', kExpiry, id) or '0')
      l.prolonged = '1'
      store(id, l, math.max(now, ends) + l.ms)
      dirty = true
    end
  end
end
local function sweep()
  if mass then prolongOverdue() end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', kExpiry, '-inf', str(now))) do
    if id ~= caller or operation ~= 'heartbeat' then
      dirty = true
      local l = lease(id)
      if not l then
        drop(id)
        viewChanged = true
      else
        drop(id)
        countCrash(id, l)
        if l.held == 0 then
          expired[#expired + 1] = id
          viewChanged = true
        end
      end
    end
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

local standing = '0'
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
  store(caller, { inc = incarnation, ms = leaseMs, prolonged = '0', held = held, leaves = leaving }, now + leaseMs)
  local shown = redis.call('HGET', kMembers, caller)
  if held == 0 then
    redis.call('ZADD', kOverdue, str(now + math.ceil(leaseMs / 2)), caller)
    if not shown and settleUntil == 0 then standing = '2' end
    if shown ~= record then
      redis.call('HSET', kMembers, caller, record)
      viewChanged = true
    end
  else
    standing = '1'
    redis.call('ZREM', kOverdue, caller)
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
return { 'ok', str(server), str(epoch), version, standing, given, table.concat(expired, '\n'), records }
`;

/** What is sent: without indentation. */
export const SCRIPT = source.replace(/^\s+/gm, '');
