/**
 * What is done inside Redis, each in one round trip and by the server's clock, so that no process has to trust another's.
 * Times of rates are whole microseconds: a double holds them exactly.
 *
 * A server has no clock that never goes back. So what is kept says when it was written, or by when it must be over: a time that
 * has not come yet was written before the clock was set back (or by another server, after a failover), and counts from now.
 */

/** A script, and the digest by which the server knows it once it has seen it. */
export interface Script {
  readonly lua: string;
}

/**
 * Charges all keys or none (GCRA). A key holds when its debt will be paid and when that was written. ARGV: 1 to charge, 0 to look;
 * then interval in µs, limit and cost for each key. Answers three numbers for each key: allowed, used, milliseconds to wait.
 */
export const chargeScript: Script = {
  lua: `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local out, paid = {}, {}
local refused = false
local function put(key, at)
  redis.call('SET', key, string.format('%.0f %.0f', at, now), 'PX', math.ceil((at - now) / 1000) + 1)
end
for i = 1, #KEYS do
  local key = KEYS[i]
  local interval, limit, cost = tonumber(ARGV[i * 3 - 1]), tonumber(ARGV[i * 3]), tonumber(ARGV[i * 3 + 1])
  local room = interval * limit
  local debt = 0
  if paid[key] then
    debt = paid[key] - now
  else
    local kept = redis.call('GET', key)
    if kept then
      local at, written = string.match(kept, '^(%d+) ?(%d*)$')
      at, written = tonumber(at), tonumber(written)
      debt = at - now
      if written and written > now then
        debt = at - written
        if debt > 0 then put(key, now + debt) end
      elseif debt > room * 2 then
        debt = 0
      end
    end
  end
  if debt < 0 then debt = 0 elseif debt > room then debt = room end
  local owed = debt + interval * cost
  if owed <= room + interval / 64 then
    out[#out + 1] = 1
    out[#out + 1] = math.ceil(owed / interval - 1 / 64)
    out[#out + 1] = 0
    if cost > 0 then paid[key] = now + owed end
  else
    refused = true
    out[#out + 1] = 0
    out[#out + 1] = math.ceil(debt / interval - 1 / 64)
    out[#out + 1] = math.ceil((owed - room) / 1000)
  end
end
if ARGV[1] == '1' and not refused then
  for key, at in pairs(paid) do put(key, at) end
end
return out`,
};

/**
 * Takes places of all keys or of none. A place is a member with the time at which it comes back by itself. ARGV: holder,
 * lease in ms, then the limit of each key. Answers two numbers for each key: allowed, used.
 */
export const acquireScript: Script = {
  lua: `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local holder, lease = ARGV[1], tonumber(ARGV[2])
local out, free = {}, {}
local full = false
for i = 1, #KEYS do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now)
  for _, late in ipairs(redis.call('ZRANGEBYSCORE', KEYS[i], now + lease * 2, '+inf', 'LIMIT', 0, 1000)) do
    redis.call('ZADD', KEYS[i], now + lease, late)
  end
  local taken = redis.call('ZCARD', KEYS[i])
  if redis.call('ZSCORE', KEYS[i], holder) then
    out[#out + 1] = 1
    out[#out + 1] = taken
  elseif taken < tonumber(ARGV[i + 2]) then
    out[#out + 1] = 1
    out[#out + 1] = taken + 1
    free[#free + 1] = i
  else
    full = true
    out[#out + 1] = 0
    out[#out + 1] = taken
  end
end
if full then
  for _, i in ipairs(free) do out[i * 2] = out[i * 2] - 1 end
  return out
end
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], now + lease, holder)
  if redis.call('PTTL', KEYS[i]) < lease then redis.call('PEXPIRE', KEYS[i], lease) end
end
return out`,
};

/** Renews places: ARGV is the lease in ms, then the holder for each key. A place that was lost is taken again. */
export const renewScript: Script = {
  lua: `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local lease = tonumber(ARGV[1])
for i = 1, #KEYS do
  redis.call('ZADD', KEYS[i], now + lease, ARGV[i + 1])
  redis.call('PEXPIRE', KEYS[i], lease)
end
return #KEYS`,
};

/** Gives back the holder's places. ARGV: holder. */
export const releaseScript: Script = {
  lua: `
for i = 1, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
return #KEYS`,
};

/** Counts distinct values. ARGV: value, limit, period in ms. Answers allowed, used, milliseconds to wait. */
export const distinctScript: Script = {
  lua: `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local key, value, limit, period = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', key, '-inf', now - period)
redis.call('ZREMRANGEBYSCORE', key, now + 1000, '+inf')
local used = redis.call('ZCARD', key)
if not redis.call('ZSCORE', key, value) then
  if used >= limit then
    local oldest = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
    return { 0, used, oldest and math.max(1, oldest + period - now) or 0 }
  end
  used = used + 1
end
redis.call('ZADD', key, now, value)
redis.call('PEXPIRE', key, period)
return { 1, used, 0 }`,
};

/**
 * Bans a prefix. KEYS: the hash of bans, the set of when each is forgotten, the number of the last change, the set of when
 * prefixes were lifted. ARGV: prefix,
 * reason, first ms, longest ms, recidive after, recidive ms, remembered ms, at most, channel. Answers the number of the
 * change and the ban as text, or nothing where there is no room.
 */
export const banScript: Script = {
  lua: `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local prefix, reason = ARGV[1], ARGV[2]
local first, longest, after, recidive = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 16)) do
  redis.call('HDEL', KEYS[1], old)
  redis.call('ZREM', KEYS[2], old)
end
local before = redis.call('HGET', KEYS[1], prefix)
if not before and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[8]) then return false end
local times, till = 1, 0
if before then
  local since, last, count = string.match(before, '^(%d+) (%d+) (%d+) ')
  times, till = count + 1, tonumber(last)
  if tonumber(since) > now then till = now + last - since end
end
local length = math.min(first * 2 ^ math.min(times - 1, 50), math.max(first, longest))
if times >= after then length = math.max(length, recidive) end
till = math.max(till, now + math.ceil(length))
local ban = string.format('%.0f %.0f %.0f ', now, till, times) .. reason
redis.call('HSET', KEYS[1], prefix, ban)
redis.call('ZREM', KEYS[4], prefix)
redis.call('ZADD', KEYS[2], till + tonumber(ARGV[7]), prefix)
local number = redis.call('INCR', KEYS[3])
redis.call('PUBLISH', ARGV[9], string.format('ban %.0f ', number) .. prefix .. ' ' .. ban)
return { number, ban }`,
};

/**
 * Puts bans where they are not, or end sooner: after an outage, and after the server has lost something. One that was lifted since
 * it was made stays lifted. KEYS as above. ARGV: remembered ms, at most, channel, then
 * prefix and text of each ban. Answers the prefixes that stay lifted.
 */
export const restoreScript: Script = {
  lua: `
local stay = {}
for i = 4, #ARGV, 2 do
  local prefix, ban = ARGV[i], ARGV[i + 1]
  local since, till = string.match(ban, '^(%d+) (%d+) ')
  local before = redis.call('HGET', KEYS[1], prefix)
  local last = before and string.match(before, '^%d+ (%d+) ')
  local lifted = redis.call('ZSCORE', KEYS[4], prefix)
  if lifted and tonumber(lifted) >= tonumber(since) then
    if not before then stay[#stay + 1] = prefix end
  elseif (before and tonumber(last) < tonumber(till)) or (not before and redis.call('HLEN', KEYS[1]) < tonumber(ARGV[2])) then
    redis.call('HSET', KEYS[1], prefix, ban)
    redis.call('ZADD', KEYS[2], till + tonumber(ARGV[1]), prefix)
    local number = redis.call('INCR', KEYS[3])
    redis.call('PUBLISH', ARGV[3], string.format('ban %.0f ', number) .. prefix .. ' ' .. ban)
  end
end
return stay`,
};

/**
 * Lifts a ban. KEYS as above; ARGV: prefix, channel, remembered ms. Answers the number of the change, and whether it was in force.
 */
export const liftScript: Script = {
  lua: `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local before = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - tonumber(ARGV[3]))
redis.call('ZADD', KEYS[4], now, ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -10001)
local number = redis.call('INCR', KEYS[3])
redis.call('PUBLISH', ARGV[2], string.format('lift %.0f ', number) .. ARGV[1])
if not before then return { number, 0 } end
return { number, tonumber(string.match(before, '^%d+ (%d+) ')) > now and 1 or 0 }`,
};

/** Stores a list and says so. KEYS: the list. ARGV: octets, version, channel, name. */
export const publishScript: Script = {
  lua: `
redis.call('HSET', KEYS[1], 'octets', ARGV[1], 'version', ARGV[2])
redis.call('PUBLISH', ARGV[3], 'list ' .. ARGV[4])
return 1`,
};

/**
 * What the server holds: a name, made up by whichever process comes first and gone with everything else, and the number of the
 * last change. KEYS: the name, the number. ARGV: a new name.
 */
export const stateScript: Script = {
  lua: `
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return { redis.call('GET', KEYS[1]), tonumber(redis.call('GET', KEYS[2]) or 0) }`,
};
