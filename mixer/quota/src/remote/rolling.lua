-- A rolling window: the counter is {number of a bucket, amount, number, amount, …}, oldest first. A
-- bucket comes back when the last moment of it is `length` ago.
local kept = redis.call('GET', counter)
local buckets = kept and cmsgpack.unpack(kept) or {}
local oldest = 1
while buckets[oldest] and (buckets[oldest] + 1) * bucket + length <= now do
  oldest = oldest + 2
end
local used = 0
for i = oldest + 1, #buckets, 2 do
  used = used + buckets[i]
end

if amount < 0 then
  -- What comes back last is freed first.
  granted = math.min(-amount, used)
  local rest = granted
  while rest > 0 do
    local newest = #buckets
    local freed = math.min(rest, buckets[newest])
    rest = rest - freed
    buckets[newest] = buckets[newest] - freed
    if buckets[newest] == 0 then
      buckets[newest], buckets[newest - 1] = nil, nil
    end
  end
else
  granted = share(used)
  if granted > 0 then
    local newest = #buckets
    local number = math.floor(now / bucket)
    -- It is greater only when the clock was set back.
    if newest > oldest and buckets[newest - 1] >= number then
      buckets[newest] = buckets[newest] + granted
    else
      buckets[newest + 1], buckets[newest + 2] = number, granted
    end
    valid = length
  end
end
if granted > 0 then
  local left = {}
  for i = oldest, #buckets do
    left[#left + 1] = buckets[i]
  end
  if #left == 0 then
    redis.call('DEL', counter)
  else
    store(left, (left[#left - 1] + 1) * bucket + length - now)
  end
end
