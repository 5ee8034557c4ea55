/** Messages as they pass, put together to runs of the paper's figures; the last few are kept. */
import type { PassedMessage } from "@lepta/peer-sdk";
import { decodeCbor, equalBytes } from "@lepta/protocol";
import { type Figure, type Place, placeOf } from "./figures.ts";

export type Role = "Customer" | "Merchant" | "Broker";

export interface ShownMessage {
  readonly id: number;
  readonly passed: PassedMessage;
  readonly place: Place;
  readonly from: Role;
  readonly to: Role;
}

export interface Run {
  readonly id: number;
  readonly figure: Figure;
  /** Milliseconds. */
  readonly at: number;
  /** The customer's UID, where it is known. */
  readonly customer: string | undefined;
  readonly messages: readonly ShownMessage[];
}

/** Runs that are kept; older ones are forgotten with their messages. */
export const RUNS_KEPT = 20;
/** Messages of one run: what comes beyond begins another. */
const RUN_MESSAGES = 24;

interface Kept extends Run {
  readonly key: string;
  messages: readonly ShownMessage[];
}

export interface Parties {
  /** UIDs. */
  readonly broker: string;
  readonly merchant: string;
}

export class Runs {
  readonly #parties: Parties;
  #kept: readonly Kept[] = [];
  #last = 0;

  constructor(parties: Parties) {
    this.#parties = parties;
  }

  get all(): readonly Run[] {
    return this.#kept;
  }

  /** Takes a message in; false where the other side has told of it already. */
  add(passed: PassedMessage): boolean {
    if (this.#kept.some(({ messages }) => messages.some((each) => isSame(each.passed, passed)))) return false;
    const place = placeOf(passed.type);
    const [from, to] = this.#rolesOf(passed);
    this.#last += 1;
    const message: ShownMessage = { id: this.#last, passed, place, from, to };
    const key = keyOf(passed, place);
    const run = this.#kept.findLast((each) => each.key === key && hasRoom(each, message));
    if (run !== undefined) run.messages = [...run.messages, message].sort(inOrder);
    else {
      const customer = [passed.from, passed.to].find((uid) => this.#roleOf(uid) === "Customer");
      const begun = {
        id: this.#last,
        key,
        figure: place.figure,
        at: passed.at,
        customer,
        messages: [message],
      };
      this.#kept = [...this.#kept, begun].slice(-RUNS_KEPT);
    }
    return true;
  }

  #rolesOf({ from, to }: PassedMessage): readonly [Role, Role] {
    const sender = this.#roleOf(from);
    const recipient = this.#roleOf(to);
    if (sender !== undefined && recipient !== undefined) return [sender, recipient];
    // Who greets does not know yet whom; it is the one of the two peers that the other is not.
    if (sender !== undefined) return [sender, sender === "Customer" ? "Merchant" : "Customer"];
    return recipient === "Customer" ? ["Merchant", recipient] : ["Customer", recipient ?? "Merchant"];
  }

  #roleOf(uid: string): Role | undefined {
    if (uid === this.#parties.broker) return "Broker";
    if (uid === this.#parties.merchant) return "Merchant";
    return uid === "" || uid === ANYBODY ? undefined : "Customer";
  }
}

/** How a first hello is addressed (docs/protocol.md, section 9). */
const ANYBODY = "A".repeat(43);

/** What belongs together: a transaction by its name, a purchase on a lane by its number there, all else by who talks. */
function keyOf(passed: PassedMessage, { figure }: Place): string {
  const pair = [passed.from, passed.to].sort().join("/");
  if (passed.type === "laneBuy" || passed.type === "laneSold" || passed.type === "laneRefused") {
    const item = decodeCbor(passed.bytes);
    const [, lane, sequence] = Array.isArray(item) ? item : [];
    return `7/${pair}/${lane}/${sequence}`;
  }
  if (figure === "lane" || figure === "statement" || figure === "meeting") return figure;
  return passed.txn ?? `${figure}/${pair}`;
}

/** A message that a run has already begins the next one. */
const hasRoom = ({ messages }: Run, { passed, from }: ShownMessage): boolean =>
  messages.length < RUN_MESSAGES &&
  !messages.some((each) => each.passed.type === passed.type && each.from === from);

const isSame = (a: PassedMessage, b: PassedMessage): boolean =>
  a.type === b.type && a.from === b.from && equalBytes(a.bytes, b.bytes);

const inOrder = (a: ShownMessage, b: ShownMessage): number =>
  a.place.rank - b.place.rank || a.passed.at - b.passed.at || a.id - b.id;
