/** What is counted: everything that AWS asks money for, as plain numbers that add up. */

const nothing = {
  /** HTTP requests in steps of 512 KB. */
  httpUnits: 0,
  /** Bytes that leave AWS. */
  responseBytes: 0,
  requestBytes: 0,
  invocations: 0,
  /** By the functions' memory and their CPU time on this machine, scaled to the part of a core that they get on AWS. */
  gbSeconds: 0,
  /** SDK calls, each weighed with its function's memory in GB and shared by those that wait at once: for that time. */
  gbCalls: 0,
  sdkCalls: 0,
  writeUnits: 0,
  readUnits: 0,
  /** What the table holds more than before, with storage's overhead. */
  storedBytes: 0,
  /** Tombstones: what the journal keeps outside the table. */
  spends: 0,
  kmsSymmetric: 0,
  kmsAsymmetric: 0,
  /** What the functions print. */
  printedBytes: 0,
};

export type CountName = keyof typeof nothing;
export type Counts = Readonly<Record<CountName, number>>;

export const zero: Counts = nothing;

const names = Object.keys(nothing) as CountName[];

const build = (value: (name: CountName) => number): Counts =>
  Object.fromEntries(names.map((name) => [name, value(name)])) as Counts;

/** The sum. */
export const plus = (...all: readonly Counts[]): Counts =>
  build((name) => all.reduce((sum, each) => sum + each[name], 0));

/** So many times. */
export const times = (counts: Counts, factor: number): Counts => build((name) => counts[name] * factor);

/** What one has more than another; nothing where it has less. */
export const beyond = (counts: Counts, other: Counts): Counts =>
  build((name) => Math.max(0, counts[name] - other[name]));
