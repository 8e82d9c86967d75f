import { startCluster } from '../cluster.ts'
import { testKills } from '../durability.ts'

testKills('redis cluster', async () => {
  const cluster = await startCluster()
  return { store: cluster.url, stop: cluster.stop }
})
