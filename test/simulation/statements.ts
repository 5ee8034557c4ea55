/** Every statement that was made, by whomever: none about a run contradicts another about it that is binding. */
import {
  decodeAs,
  isRefusal,
  laneOrigin,
  readStatement,
  type Statement,
  signedStatement,
  toText,
} from "@lepta/protocol";
import type { Findings } from "./violation.ts";

/** What the run says that counts: a lane, by session, number and scrip, and where in it the run begins. */
export const runOf = ({ session, lane, scrip, first }: Statement): string =>
  `${toText(laneOrigin(session, lane, scrip))} from ${first}`;

export class Statements {
  readonly #findings: Findings;
  /** The digest of what a merchant has proposed, and of what both have signed, by run. */
  readonly #proposed = new Map<string, string>();
  readonly #signed = new Map<string, string>();
  /** How many both have signed. */
  count = 0;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** A merchant that is honest proposes one thing about a run. */
  propose(who: string, statement: Statement, digest: string): void {
    this.#one(this.#proposed, who, statement, digest);
  }

  /** Where both have signed: one thing about a run, whoever keeps it. */
  keep(who: string, bytes: Uint8Array): Statement | undefined {
    const signed = decodeAs(signedStatement, bytes);
    const read = isRefusal(signed) ? signed : readStatement(bytes);
    if (isRefusal(signed) || isRefusal(read)) {
      this.#findings.broken("a statement can be read", who);
      return undefined;
    }
    if (signed.merchant === undefined || signed.customer === undefined) return read.payload;
    const isNew = this.#one(this.#signed, who, read.payload, read.digest);
    if (isNew) this.count += 1;
    return read.payload;
  }

  #one(known: Map<string, string>, who: string, statement: Statement, digest: string): boolean {
    const run = runOf(statement);
    const before = known.get(run);
    known.set(run, digest);
    if (before !== undefined && before !== digest)
      this.#findings.broken("one statement about one run", `${who}: ${run}: ${before} and ${digest}`);
    return before === undefined;
  }
}
