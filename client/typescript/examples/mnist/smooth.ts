/** The running mean mₜ = β mₜ₋₁ + (1 − β) xₜ over 1 − βᵗ, so that it does not lean to zero at first. */
export function smoother(beta = 0.97): (value: number) => number {
  let mean = 0
  let weight = 0
  return (value) => {
    mean = beta * mean + (1 - beta) * value
    weight = beta * weight + (1 - beta)
    return mean / weight
  }
}
