/** Watches the lanes of an honest wallet: every purchase kept once, in order, before it is sent, and one statement for a run. */
import type { Change, PeerStore } from "@lepta/peer-sdk";
import { decodeAs, equalBytes, isRefusal, laneBuy, limits } from "@lepta/protocol";
import { type LaneRecord, laneTables, readJournalRecord } from "../../peer-sdk/src/customer/lanes/records.ts";
import { chainOver, runEntries } from "../../peer-sdk/src/lanes/run.ts";
import { answeredOf } from "../../peer-sdk/src/merchant/lanes/answer.ts";
import type { Clock } from "./clock.ts";
import type { Statements } from "./statements.ts";
import type { Findings } from "./violation.ts";

export interface LaneWitness {
  readonly findings: Findings;
  readonly clock: Clock;
  readonly trace: (line: string) => void;
  /** A lane goes on in another session. */
  readonly resumed: () => void;
  readonly statements: Statements;
}

export class LaneWallet {
  readonly #witness: LaneWitness;
  readonly #name: string;
  readonly #tables: ReturnType<typeof laneTables>;
  readonly #lanes = new Map<string, LaneRecord>();
  /** The last purchase that was kept, by lane. */
  readonly #last = new Map<string, number>();

  constructor(witness: LaneWitness, name: string, store: PeerStore) {
    this.#witness = witness;
    this.#name = name;
    this.#tables = laneTables(store);
  }

  /** Looks at what a commit has done. */
  async committed(changes: readonly Change[]): Promise<void> {
    for (const { key } of changes) {
      const id = key.slice(key.indexOf("/") + 1);
      if (key.startsWith("paid-run/")) await this.#stated(id);
      if (key.startsWith("paying-lane/")) this.#lane(id, await this.#tables.lanes.get(id));
    }
  }

  #broken(rule: string, what: string): void {
    this.#witness.findings.broken(rule, `${this.#name}: ${what}`);
  }

  /** A purchase became durable. */
  buying(bytes: Uint8Array): void {
    const { trace, clock } = this.#witness;
    const { lane: id, item } = readJournalRecord(bytes);
    const buy = decodeAs(laneBuy, item);
    if (isRefusal(buy)) {
      this.#broken("the journal can be read", id);
      return;
    }
    const [, number, sequence, amount] = buy;
    const before = this.#last.get(id) ?? 0;
    if (!this.#lanes.has(id) || sequence !== before + 1)
      this.#broken("purchases follow each other", `${id}: ${sequence} after ${before}`);
    this.#last.set(id, sequence);
    this.#checkBound(id.split("/")[0] ?? "");
    trace(`C ${clock.now} ${this.#name} buys ${number} ${sequence} ${amount.value}\n`);
  }

  /** N holds per merchant, over all lanes, what is under way included. */
  #checkBound(merchant: string): void {
    let count = 0;
    for (const [id, { stated, state }] of this.#lanes)
      if (id.startsWith(`${merchant}/`) && state !== "lost")
        count += Math.max(0, (this.#last.get(id) ?? 0) - stated.sequence);
    if (count > limits.unstatedPurchases)
      this.#broken("what is not stated is bounded", `${count} purchases with ${merchant}`);
  }

  /** A run was kept: what we have signed of it is what was bought and answered. */
  async #stated(id: string): Promise<void> {
    const run = await this.#tables.runs.get(id);
    const said = run && this.#witness.statements.keep(this.#name, run.statement);
    if (run === undefined || said === undefined) return;
    const entries = runEntries(run);
    let left = said.remaining.value + said.total.value;
    for (const { bought, answered } of entries) {
      const buy = decodeAs(laneBuy, bought);
      const answer = answeredOf(answered);
      if (isRefusal(buy) || isRefusal(answer)) return this.#broken("a run can be read", id);
      const { charged, remaining, code } = answer;
      left -= BigInt(charged);
      const [, , , amount, metered, order] = buy;
      const isAgreed =
        code !== undefined
          ? charged === 0
          : metered === 1
            ? BigInt(charged) <= amount.value && BigInt(charged) % order.unitPrice.value === 0n
            : BigInt(charged) === amount.value;
      if (!isAgreed || BigInt(remaining) !== left)
        this.#broken(
          "an answer says what was agreed",
          `${id} #${buy[2]}: ${charged}, ${remaining} of ${left}`,
        );
    }
    if (left !== said.remaining.value)
      this.#broken("a statement says what was bought", `${id}: ${said.total.value}`);
    if (!equalBytes(said.chain, chainOver(run.before, entries)))
      this.#broken("a statement is about what was bought", id);
  }

  #lane(id: string, lane: LaneRecord | undefined): void {
    const { trace, clock, findings, resumed } = this.#witness;
    const was = this.#lanes.get(id);
    if (lane === undefined) this.#lanes.delete(id);
    else this.#lanes.set(id, lane);
    const isResumed = lane !== undefined && was !== undefined && lane.openings.length > was.openings.length;
    if (isResumed) resumed();
    const state = lane?.state ?? "forgotten";
    trace(
      `C ${clock.now} ${this.#name} lane ${id} ${state} ${lane?.stated.sequence} ${lane?.stated.remaining}\n`,
    );
    findings.tell(
      clock.now,
      this.#name,
      () =>
        `its lane ${id.slice(0, 8)}/${Number(id.split("/")[1])} ${isResumed ? "resumed" : state} at ${lane?.stated.sequence}, ${lane?.stated.remaining}`,
    );
  }
}
