/** Work on many things at once, within a bound, where some must not overtake each other. */

/**
 * Does the work of each group in its order, and of so many groups at once. The first that throws ends it: what is under
 * way is waited for, nothing more is begun, and it is thrown.
 */
export async function eachInOrder<T>(
  groups: readonly (readonly T[])[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const faults: unknown[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let group = groups[next++]; group !== undefined; group = groups[next++])
      for (const item of group) {
        if (faults.length > 0) return;
        try {
          await work(item);
        } catch (error) {
          faults.push(error);
        }
      }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, groups.length) }, worker));
  if (faults.length > 0) throw faults[0];
}
