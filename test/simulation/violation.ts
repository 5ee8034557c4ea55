/** A rule that did not hold. */

export class Violation extends Error {
  /** Which rule: the same rule broken again is the same failure. */
  readonly rule: string;

  constructor(rule: string, detail: string) {
    super(`${rule}: ${detail}`);
    this.name = "Violation";
    this.rule = rule;
  }
}

/** What an episode found, and the readable history of what happened, where one is kept. */
export class Findings {
  readonly violations: Violation[] = [];
  readonly lines: string[] = [];
  doubleSpends = 0;
  stuck = 0;
  conserved = true;
  readonly #keepsHistory: boolean;

  constructor(keepsHistory: boolean) {
    this.#keepsHistory = keepsHistory;
  }

  /** A rule that did not hold. */
  broken(rule: string, detail: string): void {
    const isException = rule === EXCEPTION;
    if (this.violations.length < MOST || (!isException && !this.isOver))
      this.violations.push(new Violation(rule, detail));
  }

  /** Whether a rule of the books is broken: an exception alone lets the episode go on, so that its harm shows. */
  get isOver(): boolean {
    return this.violations.some(({ rule }) => rule !== EXCEPTION);
  }

  get isFailed(): boolean {
    return this.violations.length > 0;
  }

  /** An event of the history; the text is made only where somebody keeps it. */
  tell(time: number, party: string, what: () => string): void {
    if (!this.#keepsHistory || this.lines.length >= MOST_LINES) return;
    this.lines.push(`${new Date(time).toISOString().slice(5, 23)}  ${party.padEnd(12)}  ${what()}`);
  }
}

const EXCEPTION = "no fault of our own";
const MOST = 20;
const MOST_LINES = 200_000;
