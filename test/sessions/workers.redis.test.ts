import { startRedis } from '../redis.ts'
import { testWorkers } from '../workers.ts'

testWorkers('redis', async () => {
  const redis = await startRedis()
  return { store: redis.url, stop: () => redis.stop() }
})
