/** Load on one server: some connections, each with so many exchanges under way. */
import type { Load } from "./calls.ts";
import { quantile } from "./statistics.ts";

/** One exchange: a purchase or an echo. */
export type Exchange = () => Promise<void>;

/** Repeats each exchange, all of them side by side, until the time is over, and waits for those under way. */
export async function applyLoad(exchanges: readonly Exchange[], seconds: number): Promise<Load> {
  const latencies: number[] = [];
  const begin = performance.now();
  const end = begin + seconds * 1000;
  await Promise.all(
    exchanges.map(async (exchange) => {
      for (let before = begin; before < end; ) {
        await exchange();
        const after = performance.now();
        latencies.push(after - before);
        before = after;
      }
    }),
  );
  const elapsed = performance.now() - begin;
  const sorted = Float64Array.from(latencies).sort();
  return {
    count: sorted.length,
    seconds: elapsed / 1000,
    p50: quantile(sorted, 0.5) * 1000,
    p99: quantile(sorted, 0.99) * 1000,
  };
}

/** Each exchange so many times: they take turns on the connections. */
export const atDepth = (exchanges: readonly Exchange[], depth: number): readonly Exchange[] =>
  Array.from({ length: depth }, () => exchanges).flat();
