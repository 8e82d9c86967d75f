/**
 * The same items, each asked for while the one before it is worked on. What was asked for and is not taken any more is
 * given to `drop`.
 */
export async function* ahead<T>(items: AsyncIterable<T>, drop: (item: T) => void): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]()
  const ask = () => {
    const asked = iterator.next()
    // It may fail before it is waited for, or never be.
    asked.catch(() => undefined)
    return asked
  }
  let asked: Promise<IteratorResult<T>> | undefined = ask()
  try {
    for (;;) {
      const { done, value } = await asked
      asked = undefined
      if (done) return
      asked = ask()
      yield value
    }
  } finally {
    await asked?.then(
      ({ done, value }) => done || drop(value),
      () => undefined,
    )
    await iterator.return?.()
  }
}
