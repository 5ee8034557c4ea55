/** What each target of a file came to, for people: told at the end where `LEPTA_FUZZ_TALLY` is set. */

/** What a target's inputs came to. */
export interface Tally {
  readonly inputs: number;
  readonly refused: number;
  /** Of one input at most: steps for each byte, after those that are granted besides. */
  readonly stepsPerByte: number;
  /** Bytes that the last nine tenths left behind. */
  readonly left: number;
}

export class Tallies {
  readonly #lines: string[] = [];
  #inputs = 0;
  #seconds = 0;

  /** Runs a target on the processor's own clock, which decides nothing. */
  async add(name: string, work: () => Promise<Tally>): Promise<void> {
    const before = process.cpuUsage();
    const { inputs, refused, stepsPerByte, left } = await work();
    const { user, system } = process.cpuUsage(before);
    const seconds = (user + system) / 1e6;
    this.#inputs += inputs;
    this.#seconds += seconds;
    this.#lines.push(
      `${name}: ${Math.round(inputs / seconds)}/s, ${Math.round((100 * refused) / inputs)} % refused, ` +
        `${stepsPerByte.toFixed(1)} steps a byte, ${left} bytes left`,
    );
  }

  print(): void {
    if (process.env.LEPTA_FUZZ_TALLY === undefined) return;
    const sum = `${this.#inputs} inputs in ${this.#seconds.toFixed(1)} s of processor time`;
    process.stdout.write(`${[...this.#lines, sum].join("\n")}\n`);
  }
}
