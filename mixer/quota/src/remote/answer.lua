if remembered then
  redis.call('SET', remembered, cmsgpack.pack({granted, now + valid}), 'PX', keep)
end
return {granted, valid}
