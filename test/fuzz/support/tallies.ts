/** What each target of a file came to, for people: told at the end where `LEPTA_FUZZ_TALLY` is set. */
import { HEAP_BOUND, liveBytes } from "./heap.ts";

/** What a target's inputs came to. */
export interface Tally {
  readonly inputs: number;
  readonly refused: number;
  /** Of one input at most, beyond what is granted: steps for each byte, or besides those. */
  readonly work: string;
}

export class Tallies {
  readonly #lines: string[] = [];
  #inputs = 0;
  #seconds = 0;
  #early: number | undefined;

  /** Runs a target on the processor's own clock, which decides nothing. */
  async add(name: string, target: () => Promise<Tally>): Promise<void> {
    const before = process.cpuUsage();
    const { inputs, refused, work } = await target();
    const { user, system } = process.cpuUsage(before);
    const seconds = (user + system) / 1e6;
    this.#inputs += inputs;
    this.#seconds += seconds;
    this.#lines.push(
      `${name}: ${Math.round(inputs / seconds)}/s, ${Math.round((100 * refused) / inputs)} % refused, ` +
        work,
    );
    // The first target has loaded and compiled what the others share.
    this.#early ??= await liveBytes();
  }

  /** Looks at what all inputs together have left behind. Throws where that is more than noise. */
  async end(): Promise<void> {
    const left = (await liveBytes()) - (this.#early ?? 0);
    if (this.#early !== undefined) this.#lines.push(`${left} bytes left`);
    this.#print();
    if (this.#early !== undefined && left > HEAP_BOUND)
      throw new Error(`${left} bytes are left of ${this.#inputs} inputs`);
  }

  #print(): void {
    if (process.env.LEPTA_FUZZ_TALLY === undefined) return;
    const sum = `${this.#inputs} inputs in ${this.#seconds.toFixed(1)} s of processor time`;
    process.stdout.write(`${[...this.#lines, sum].join("\n")}\n`);
  }
}
