/** One decoder against its mutated inputs: a value whose bytes these are, or a refusal by name, in bounded work. */
import { type Awaitable, type ErrorCode, isRefusal, LeptaError, type Or, refuse } from "@lepta/protocol";
import { mutated, type Seed, seedOf } from "./mutate.ts";
import { type Draw, drawFor, runs, SEED } from "./random.ts";
import { stepsSoFar } from "./steps.ts";
import type { Tally } from "./tallies.ts";

export interface Decoder<T = unknown> {
  readonly name: string;
  /** Good inputs. */
  readonly seeds: readonly Uint8Array[];
  /** The value or a refusal; a LeptaError that is thrown counts as one. */
  readonly decode: (bytes: Uint8Array) => Awaitable<Or<T>>;
  /** The bytes of what was read; undefined where there is no way back. */
  readonly encode: (value: T) => Uint8Array | undefined;
  /** The refusals that it may give. */
  readonly codes: readonly ErrorCode[];
}

/** How many inputs a decoder gets. */
export const DECODER_RUNS = 100_000;
/** Work is at most so many steps for each byte of the input, and so many besides. */
export const STEPS_PER_BYTE = 4;
export const STEPS_BESIDES = 400;

/** Damages the good inputs in a hundred thousand ways. Throws, with the input in hex, at the first that breaks a rule. */
export async function assault(decoder: Decoder, kept: readonly Uint8Array[]): Promise<Tally> {
  const draw = drawFor(decoder.name);
  const seeds = decoder.seeds.map(seedOf);
  const trial = new Trial(decoder);
  for (const bytes of decoder.seeds) {
    await trial.one(bytes);
    if (trial.refused > 0) throw broken(decoder, "refuses a good input", bytes);
  }
  for (const bytes of kept) await trial.one(bytes);
  const inputs = runs(DECODER_RUNS);
  await trial.many(draw, seeds, inputs);
  return { inputs, refused: trial.refused, work: `${trial.stepsPerByte.toFixed(1)} steps a byte` };
}

class Trial {
  readonly #decoder: Decoder;
  refused = 0;
  stepsPerByte = 0;

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  async many(draw: Draw, seeds: readonly Seed[], count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const waiting = this.one(mutated(draw, seeds));
      if (waiting !== undefined) await waiting;
    }
  }

  /** Waits only where the decoder does: a hundred thousand promises cost more than what they wait for. */
  one(bytes: Uint8Array): Promise<void> | undefined {
    const before = stepsSoFar();
    try {
      const value = this.#decoder.decode(bytes);
      if (!(value instanceof Promise)) {
        this.#judge(bytes, value, stepsSoFar() - before);
        return undefined;
      }
      return value
        .catch((error: unknown) => this.#refusalOf(error, bytes))
        .then((settled) => this.#judge(bytes, settled, stepsSoFar() - before));
    } catch (error) {
      this.#judge(bytes, this.#refusalOf(error, bytes), stepsSoFar() - before);
      return undefined;
    }
  }

  #refusalOf(error: unknown, bytes: Uint8Array): Or<never> {
    if (error instanceof LeptaError) return refuse(error.code);
    if (error instanceof Broken) throw error;
    throw broken(this.#decoder, `throws ${error}`, bytes);
  }

  #judge(bytes: Uint8Array, value: Or<unknown>, steps: number): void {
    const most = STEPS_PER_BYTE * bytes.length + STEPS_BESIDES;
    if (steps > most) throw broken(this.#decoder, `takes ${steps} steps, more than ${most}`, bytes);
    this.stepsPerByte = Math.max(this.stepsPerByte, (steps - STEPS_BESIDES) / Math.max(bytes.length, 1));
    if (isRefusal(value)) {
      this.refused += 1;
      if (!this.#decoder.codes.includes(value.code))
        throw broken(this.#decoder, `refuses with ${value.code}`, bytes);
      return;
    }
    const again = this.#decoder.encode(value);
    if (again !== undefined && Buffer.compare(again, bytes) !== 0)
      throw broken(
        this.#decoder,
        `encodes as ${Buffer.from(again).toString("hex")} what it read from`,
        bytes,
      );
  }
}

/** A rule is broken; the same seed finds the same input again. */
class Broken extends Error {}

const broken = ({ name }: Decoder, what: string, bytes: Uint8Array): Broken =>
  new Broken(`${name} ${what}: ${Buffer.from(bytes).toString("hex")} (LEPTA_FUZZ_SEED=${SEED})`);
