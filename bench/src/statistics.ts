/** The few statistics that the report needs. */

/** The middle value, or the mean of the two in the middle. Throws where there are none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = at(sorted, middle);
  return sorted.length % 2 === 1 ? upper : (at(sorted, middle - 1) + upper) / 2;
}

/** How far the rounds lie apart: the largest less the smallest, as a part of the median. */
export const spread = (values: readonly number[]): number =>
  (Math.max(...values) - Math.min(...values)) / median(values);

/** The nearest-rank quantile of values in ascending order; `q` of 0 to 1. Throws where there are none. */
export const quantile = (sorted: ArrayLike<number>, q: number): number =>
  at(sorted, Math.max(0, Math.ceil(sorted.length * q) - 1));

function at(values: ArrayLike<number>, index: number): number {
  const value = values[index];
  if (value === undefined) throw new RangeError("no values");
  return value;
}
