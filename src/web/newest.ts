/** Memories that strangers could fill: of so many keys, the last that anything happened to stay. */

/** Puts a value in, as the newest; the oldest goes where there are more than `most`. */
export const putNewest = <Key, Value>(memory: Map<Key, Value>, most: number, key: Key, value: Value): void => {
  memory.delete(key)
  const [oldest] = memory.size >= most ? memory.keys() : []
  if (oldest !== undefined) memory.delete(oldest)
  memory.set(key, value)
}
