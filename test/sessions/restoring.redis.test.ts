import { startRedis } from '../redis.ts'
import { testRestoring } from '../restoring.ts'

testRestoring('redis', async () => {
  const redis = await startRedis()
  return { store: redis.url, stop: () => redis.stop() }
})
