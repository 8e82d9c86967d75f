import { testKills } from '../durability.ts'
import { startRedis } from '../redis.ts'

testKills('redis', async () => {
  const redis = await startRedis()
  return { store: redis.url, stop: () => redis.stop() }
})
