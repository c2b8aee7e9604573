-- A fixed window: the counter is {what is used, when the window ends}.
local used, finish = 0, 0
local kept = redis.call('GET', counter)
if kept then
  used, finish = unpack(cmsgpack.unpack(kept))
end
if finish <= now then
  used, finish = 0, now + length
end
-- Only when the clock was set back.
finish = math.min(finish, now + length)

if amount < 0 then
  granted = math.min(-amount, used)
  used = used - granted
else
  granted = share(used)
  used = used + granted
  valid = granted > 0 and finish - now or 0
end
if granted > 0 then
  store({used, finish}, finish - now)
end
