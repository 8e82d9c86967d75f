/**
 * Threefry2x32, the generator of JAX's keys: a word of what it makes of a counter below 2⁵³.
 *
 * @see Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011
 */
export function threefry(key0: number, key1: number, counter: number, word: 0 | 1): number {
  hash(key0, key1, Math.floor(counter / 2 ** 32), counter % 2 ** 32)
  return (word === 0 ? x0 : x1) >>> 0
}

let x0 = 0
let x1 = 0

function round(by: number): void {
  x0 = (x0 + x1) | 0
  x1 = ((x1 << by) | (x1 >>> (32 - by))) ^ x0
}

function rounds(a: number, b: number, c: number, d: number): void {
  round(a)
  round(b)
  round(c)
  round(d)
}

/** Twenty rounds; after each four the key enters anew. Leaves its result in `x0` and `x1`. */
function hash(k0: number, k1: number, high: number, low: number): void {
  const k2 = k0 ^ k1 ^ 0x1bd11bda
  x0 = (high + k0) | 0
  x1 = (low + k1) | 0
  rounds(13, 15, 26, 6)
  x0 = (x0 + k1) | 0
  x1 = (x1 + k2 + 1) | 0
  rounds(17, 29, 16, 24)
  x0 = (x0 + k2) | 0
  x1 = (x1 + k0 + 2) | 0
  rounds(13, 15, 26, 6)
  x0 = (x0 + k0) | 0
  x1 = (x1 + k1 + 3) | 0
  rounds(17, 29, 16, 24)
  x0 = (x0 + k1) | 0
  x1 = (x1 + k2 + 4) | 0
  rounds(13, 15, 26, 6)
  x0 = (x0 + k2) | 0
  x1 = (x1 + k0 + 5) | 0
}

/** Number `index` of those that `jax.random.normal` draws from a key in float64. */
export function normal(key0: number, key1: number, index: number): number {
  hash(key0, key1, Math.floor(index / 2 ** 32), index % 2 ** 32)
  // The upper 52 of 64 bits as a fraction; then from [0, 1) to [lowest, 1).
  const unit = (x0 >>> 0) * 2 ** -32 + (x1 >>> 12) * 2 ** -52
  return Math.SQRT2 * inverseErf(Math.max(lowest, unit * (1 - lowest) + lowest))
}

/** The number next to −1. */
const lowest = -1 + 2 ** -53

const central = [
  -3.64441206401782e-21, -1.6850591381820166e-19, 1.28584807152564e-18, 1.1157877678025181e-17,
  -1.333171662854621e-16, 2.0972767875968562e-17, 6.637638134358324e-15, -4.054566272975207e-14,
  -8.151934197605472e-14, 2.6335093153082323e-12, -1.2975133253453532e-11, -5.415412054294628e-11,
  1.0512122733215323e-9, -4.112633980346984e-9, -2.9070369957882005e-8, 4.2347877827932404e-7,
  -1.3654692000834679e-6, -1.3882523362786469e-5, 0.00018673420803405714, -0.000740702534166267,
  -0.006033670871430149, 0.24015818242558962, 1.6536545626831027,
]
const outer = [
  2.2137376921775787e-9, 9.075656193888539e-8, -2.7517406297064545e-7, 1.8239629214389228e-8,
  1.5027403968909828e-6, -4.013867526981546e-6, 2.9234449089955446e-6, 1.2475304481671779e-5,
  -4.7318229009055734e-5, 6.828485145957318e-5, 2.4031110387097894e-5, -0.0003550375203628475,
  0.0009532893797373805, -0.0016882755560235047, 0.002491442096107851, -0.003751208507569241,
  0.005370914553590064, 1.0052589676941592, 3.0838856104922208,
]
const farthest = [
  -2.7109920616438573e-11, -2.555641816996525e-10, 1.5076572693500548e-9, -3.789465440126737e-9,
  7.61570120807834e-9, -1.496002662714924e-8, 2.914795345090108e-8, -6.771199775845234e-8,
  2.2900482228026655e-7, -9.9298272942317e-7, 4.526062597223154e-6, -1.968177810553167e-5,
  7.599527703001776e-5, -0.00021503011930044477, -0.00013871931833623122, 1.0103004648645344,
  4.849906401408584,
]

const polynomial = (coefficients: readonly number[], w: number) => coefficients.reduce((p, c) => c + p * w, 0)

/**
 * The number whose error function is x, by Giles's polynomials, as XLA computes it.
 *
 * @see Giles, Approximating the erfinv function, GPU Computing Gems 2, 2011
 */
function inverseErf(x: number): number {
  const w = -Math.log1p(-x * x)
  if (w < 6.25) return x * polynomial(central, w - 3.125)
  return x * (w < 16 ? polynomial(outer, Math.sqrt(w) - 3.25) : polynomial(farthest, Math.sqrt(w) - 5))
}
