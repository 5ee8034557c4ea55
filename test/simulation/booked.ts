/** Watches every commit of the broker's table: each must add up, and each step must be one that the rules know. */
import {
  type CreditRecord,
  creditItem,
  type Item,
  purseItem,
  type TransactionRecord,
  tombstoneItem,
  transactionItem,
  type Write,
} from "@lepta/lambdas";
import { idBytes, sha256, toText, utf8 } from "@lepta/protocol";
import { brokerWeight, WEIGHTY } from "./books.ts";
import type { Clock } from "./clock.ts";
import { unlikeSigned } from "./signed.ts";
import { itemKind } from "./stores.ts";
import type { Findings } from "./violation.ts";

/** The fields of items that say what was decided; signatures and sealed bytes are not among them. */
const DECISIVE = [
  ...["kind", "state", "value", "owed", "currency", "scrip", "spent", "merchant", "reason", "sequence"],
  ...["paid", "carried", "subject", "settlement", "reversedBy"],
];

/** What a credit may become; anything else is not a step of any flow. */
const STEPS: Readonly<Record<string, readonly string[]>> = {
  held: ["held", "disputed", "settled", "ended"],
  disputed: ["held", "ended"],
  // Where the rail will not pay, the merchant is owed again.
  settled: ["held"],
};

/** What the books need of whoever runs them. */
export interface Witness {
  readonly findings: Findings;
  readonly clock: Clock;
  readonly trace: (line: string) => void;
  /** A scrip is spent, once, by a transaction. */
  readonly spend: (scrip: string, by: string) => void;
  /** How long expired BrokerScrip can be renewed and redeemed, in milliseconds. */
  readonly grace: () => number;
  readonly network: () => string;
}

interface Purse {
  readonly scrip: string | undefined;
  readonly sequence: number;
  readonly expiresAt: number;
}

export class Booked {
  readonly #witness: Witness;
  readonly #weights = new Map<string, number>();
  readonly #purses = new Map<string, Purse>();
  readonly #credits = new Map<string, CreditRecord>();
  /** What the rail may move now, by the key that it is called under, in millionths. */
  readonly #onTheWay = new Map<string, bigint>();

  constructor(witness: Witness) {
    this.#witness = witness;
  }

  /** One commit that has happened. */
  committed(writes: readonly Write[]): void {
    const { findings, clock, trace } = this.#witness;
    let change = 0;
    for (const write of writes) {
      const { at } = write;
      const item = "put" in write ? write.put : undefined;
      const name = `${at.pk} ${at.sk}`;
      const kind = itemKind(at);
      trace(`B ${clock.now} ${withoutLane(name)} ${item === undefined ? "-" : decisive(item)}\n`);
      if (item !== undefined && (kind === "BANKCHARGE" || kind === "BANKPAYOUT"))
        this.#moves(at.pk.slice(kind.length + 1), item);
      if (!WEIGHTY.has(kind)) continue;
      const weight = brokerWeight(at, item);
      change += weight - (this.#weights.get(name) ?? 0);
      this.#weights.set(name, weight);
      if (item === undefined) findings.broken("kept", `${name} was removed`);
      else if (kind === "TXN")
        this.#transaction(at.pk.slice(5), at.sk.slice(4), transactionItem.fromItem(item));
      else if (kind === "CREDIT") this.#credit(name, creditItem.fromItem(item));
    }
    for (const write of writes)
      if ("put" in write && write.at.sk === "BROKERSCRIP") this.#moved(write.at.pk, write.put, writes);
    if (change === 0) return;
    findings.conserved = false;
    const what = writes.map(({ at }) => `${at.pk} ${at.sk}`).join(", ");
    findings.broken("conserved", `a commit of the broker makes ${change} millionths: ${what}`);
  }

  #transaction(uid: string, txn: string, record: TransactionRecord): void {
    const { findings, clock, spend, grace, network } = this.#witness;
    const { kind, state, spent, value = 0n, paid = 0n, reason = "", decidedAt = 0 } = record;
    const name = `${uid.slice(0, 8)} ${txn.slice(0, 8)}`;
    findings.tell(
      clock.now,
      "broker",
      () => `${name} ${kind} ${state} ${kind === "settlement" ? paid : value} ${reason}`,
    );
    const isIn = kind === "brokerscrip";
    const key = railKey(isIn ? "fund" : "pay", network(), uid, txn);
    if (state === "charging" || state === "paying")
      this.#onTheWay.set(key, kind === "settlement" ? paid : value);
    else this.#onTheWay.delete(key);
    if (state !== "done" && state !== "paying") return;
    if (spent !== undefined) spend(`B ${uid} ${spent}`, `${uid} ${txn}`);
    const wrong = unlikeSigned(uid, txn, record);
    if (wrong !== undefined) findings.broken("what is booked is what was signed", `${name}: ${wrong}`);
    const end = this.#purses.get(uid)?.expiresAt ?? 0;
    if (kind === "vendorscrip" && end <= decidedAt)
      findings.broken("expired scrip buys nothing", `${name}: BrokerScrip`);
    const isReturned = kind === "renewal" || (kind === "redeem" && state === "paying");
    // A renewal tells when it was decided; a redemption under way does not yet.
    if (
      isReturned &&
      end + grace() + (kind === "renewal" ? 0 : MOST_DELAY + clock.leapt) <= (decidedAt || clock.now)
    )
      findings.broken("expired scrip comes back within its grace", `${name}: ${kind}`);
  }

  /** The rail moves money for what is written down as on its way, and no other sum. */
  #moves(key: string, { state, value }: Item): void {
    if (state !== "charged" && state !== "paid") return;
    const expected = this.#onTheWay.get(key);
    if (expected === undefined || expected !== BigInt(value as bigint))
      this.#witness.findings.broken(
        "written before the rail is called",
        `the rail has ${state} ${value}, on its way: ${expected}`,
      );
  }

  #credit(name: string, credit: CreditRecord): void {
    const { findings, clock } = this.#witness;
    const before = this.#credits.get(name);
    this.#credits.set(name, credit);
    const { state, heldUntil = 0, settlement } = credit;
    findings.tell(clock.now, "broker", () => `credit ${name.slice(-8)} ${state} ${credit.owed ?? "-"}`);
    if (before === undefined) return;
    if (STEPS[before.state]?.includes(state) !== true)
      findings.broken("a credit goes its way", `${name}: ${before.state}, then ${state}`);
    if (before.value !== credit.value || before.scrip !== credit.scrip)
      findings.broken("a credit goes its way", `${name}: it is another`);
    if (state === "settled" && heldUntil > clock.now)
      findings.broken("a credit is held for its time", `${name} until ${heldUntil}, ${settlement}`);
    if ((credit.owed ?? 0n) < 0n || (credit.owed ?? 0n) > credit.value)
      findings.broken("a credit goes its way", `${name}: owed ${credit.owed} of ${credit.value}`);
  }

  /** A purse takes one step with each transaction that ends; a scrip that leaves it leaves a tombstone. */
  #moved(pk: string, item: Item, writes: readonly Write[]): void {
    const { findings, spend } = this.#witness;
    const uid = pk.slice(5);
    const { scrip, sequence, expiresAt = 0 } = purseItem.fromItem(item);
    const before = this.#purses.get(uid);
    this.#purses.set(uid, { scrip, sequence, expiresAt });
    const linked = writes.filter(
      (write) =>
        write.at.pk === pk && write.at.sk.startsWith("TXN#") && "put" in write && "head" in write.put,
    ).length;
    if (sequence !== (before?.sequence ?? 0) + linked)
      findings.broken(
        "audit chain",
        `${uid}: ${sequence} follows ${before?.sequence ?? 0} by ${linked} records`,
      );
    if (before?.scrip === undefined || before.scrip === scrip) return;
    const tombstone = writes.find(({ at }) => at.pk === pk && at.sk === `SPENT#${before.scrip}`);
    if (tombstone === undefined || !("put" in tombstone))
      findings.broken("a spent scrip leaves a tombstone", `${uid}: ${before.scrip}`);
    else spend(`B ${uid} ${before.scrip}`, `${uid} ${tombstoneItem.fromItem(tombstone.put).txn}`);
  }
}

/** Between a decision's clock and its commit. */
const MOST_DELAY = 60_000;

/** As the rail is called (design section 5, figure 6), written down again: production code may be broken on purpose. */
const railKey = (way: string, network: string, uid: string, txn: string): string =>
  toText(sha256(utf8(way), idBytes(network), idBytes(uid), idBytes(txn)));

const decisive = (item: Item): string => DECISIVE.map((name) => item[name] ?? "").join(" ");

/** Names of lanes follow from credentials, whose signatures may differ from run to run; so do the partitions that they choose. */
const withoutLane = (name: string): string =>
  name.includes("STATEMENT#")
    ? name.replace(/^WAITING#\S+/, "WAITING").replace(/STATEMENT#.*/, "STATEMENT")
    : name;
