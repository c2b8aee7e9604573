-- The beginning of each script: what is asked, and whether it was asked before.
--
-- KEYS: the counter; with a deduplication id also the answer to it.
-- ARGV: the limit, the amount (negative gives back), 1 for best effort, the window's length and its
-- bucket's in microseconds, for how many milliseconds to remember the answer.
-- Returns the amount granted or freed, and for how many microseconds it is valid.
local counter, remembered = KEYS[1], KEYS[2]
local limit, amount, best_effort = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local length, bucket, keep = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

if remembered then
  local answer = redis.call('GET', remembered)
  if answer then
    local granted, valid_until = unpack(cmsgpack.unpack(answer))
    return {granted, math.max(0, valid_until - now)}
  end
end

-- What is granted when `used` is taken already.
local function share(used)
  local rest = math.max(0, limit - used)
  if amount <= rest then
    return amount
  end
  return best_effort and rest or 0
end

-- Nothing stays longer than it counts.
local function store(value, micros)
  redis.call('SET', counter, cmsgpack.pack(value), 'PX', math.ceil(micros / 1000) + 1)
end

local granted, valid = 0, 0
