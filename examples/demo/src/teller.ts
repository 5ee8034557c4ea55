/** Tells the story line by line and keeps count: what was bought, what was refused, what did not come out as it must. */
import { type Amount, amountOf, formatAmount } from "@lepta/protocol";

/** What came back for an attempt: the code of a signed answer or of a typed error. */
export interface Verdict {
  readonly ok: boolean;
  /** The code that came back; `accepted` where the attempt was not refused. */
  readonly code: string;
  /** Whether the answer was signed by the one who refused. */
  readonly signed: boolean;
}

export class Teller {
  readonly #refused = new Map<string, number>();
  readonly #disappointments: string[] = [];
  #purchases = 0;

  scene(title: string): void {
    this.say(`\n${title}\n${"-".repeat(title.length)}`);
  }

  say(line: string): void {
    process.stdout.write(`${line}\n`);
  }

  /** A purchase that went through. */
  bought(): void {
    this.#purchases += 1;
  }

  /** Something that must hold: told, and remembered where it does not. */
  expect(what: string, holds: boolean): void {
    this.say(`  ${holds ? "ok" : "NOT SO"}: ${what}`);
    if (!holds) this.#disappointments.push(what);
  }

  /** An attack and what came of it: shows the code that came back, and remembers where it was not among the expected. */
  attack(attempt: string, refusedBy: string, verdict: Verdict, ...expected: readonly string[]): void {
    const { ok, code, signed } = verdict;
    this.say(`  ${attempt}`);
    if (ok || !expected.includes(code)) {
      this.say(`    NOT SO: expected ${expected.join(" or ")}, and ${refusedBy} answered ${code}`);
      this.#disappointments.push(attempt);
      return;
    }
    this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
    this.say(`    refused by ${refusedBy}: ${code}${signed ? ", signed" : ""}`);
  }

  get purchases(): number {
    return this.#purchases;
  }

  /** How often each code came back. */
  get refused(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#refused);
  }

  /** What did not hold, in the order of the story. */
  get disappointments(): readonly string[] {
    return this.#disappointments;
  }
}

/** The currency of the demo. */
export const CURRENCY = "EUR";

/** `"EUR 0.02"` for millionths of a euro. */
export const euros = (value: bigint): string => formatAmount(amountOf(CURRENCY, value));

/** An amount of the demo's currency from millionths. */
export const euroAmount = (value: bigint): Amount => amountOf(CURRENCY, value);
