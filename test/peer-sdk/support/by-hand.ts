/** Sessions whose items a test writes itself: a customer, or a merchant, with keys of its own that says what it likes. */
import type { Visit, Wire } from "@lepta/peer-sdk";
import {
  type Amount,
  amountOf,
  type Credential,
  chainAfter,
  type Digest,
  decodeAs,
  digestOf,
  encodeAs,
  encodePayload,
  laneBuy,
  laneElement,
  laneFault,
  laneOpen,
  laneOpened,
  laneOrigin,
  laneResume,
  laneSold,
  type Order,
  offer,
  offerRequest,
  openMessage,
  orderTail,
  orThrow,
  parseAmount,
  proveLane,
  proveResumption,
  readScrip,
  type ScripBody,
  type SigningKey,
  scripOf,
  sealMessage,
  signStatement,
  statement,
  statementProposal,
  toText,
  type Value,
  writeBuy,
} from "@lepta/protocol";
import type { Holding } from "../../../peer-sdk/src/customer/records.ts";
import { acceptHandshake, openHandshake } from "../../../peer-sdk/src/session/handshake.ts";
import { itemKind, Session } from "../../../peer-sdk/src/session/session.ts";
import { type Hand, orderFor } from "./hand.ts";
import { wirePair } from "./world.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Items of one side, as they come. */
export class Items {
  readonly all: Uint8Array[] = [];
  end: { readonly code: string | undefined } | undefined;

  /** The next item of this kind that was not taken yet. */
  async next(kind: number): Promise<Uint8Array> {
    for (let i = 0; i < 500; i += 1) {
      const at = this.all.findIndex((item) => itemKind(item) === kind);
      const [found] = at < 0 ? [] : this.all.splice(at, 1);
      if (found !== undefined) return found;
      await turn();
    }
    throw new Error(`no item ${kind} has come, but ${this.all.map(itemKind)}; ended with ${this.end?.code}`);
  }

  /** The code of the next fault. */
  async fault(): Promise<string> {
    return orThrow(decodeAs(laneFault, await this.next(13)))[2];
  }

  /** The code with which the session ends. */
  async ended(): Promise<string | undefined> {
    for (let i = 0; i < 500 && this.end === undefined; i += 1) await turn();
    if (this.end === undefined) throw new Error("the session goes on");
    return this.end.code;
  }
}

/** What is under way has had its time: so many turns without anything that waits for anybody else. */
export async function quiet(turns = 50): Promise<void> {
  for (let i = 0; i < turns; i += 1) await turn();
}

/** One session of a hand-driven customer. */
export class CustomerByHand {
  readonly items: Items;
  readonly session: Session;

  private constructor(items: Items, session: Session) {
    this.items = items;
    this.session = session;
  }

  /** Opens a session with this visit, which resumes another where that is said. */
  static async open(hand: Hand, visit: Visit, resumes?: Uint8Array): Promise<CustomerByHand> {
    const [ours, theirs] = wirePair();
    visit.attach?.(theirs);
    const opened = await openHandshake(
      hand.party,
      ours,
      () => {},
      () => resumes,
    );
    const items = new Items();
    const session = sessionOf(hand, opened.wire, opened.keys, items);
    return new CustomerByHand(items, session);
  }

  send<T>(codec: Parameters<typeof encodeAs<T>>[0], item: T): void {
    this.session.send(encodeAs(codec, item));
  }

  openLane(number: number, { grant, secret }: Holding, pop?: Uint8Array): ByHandLane {
    const scrip = orThrow(readScrip(grant.body));
    const origin = laneOrigin(this.session.opening, number, scrip.id);
    const proof = pop ?? proveLane(secret, origin);
    this.send(laneOpen, [1, number, scripOf(grant), proof, new Uint8Array(0)]);
    return { number, origin, secret, session: this.session.opening, scrip };
  }

  resume(
    { number, origin, secret }: ByHandLane,
    sequence: number,
    chain: Uint8Array,
    pop?: Uint8Array,
  ): void {
    const proof = pop ?? proveResumption(secret, origin, this.session.opening);
    this.send(laneResume, [11, number, sequence, chain, proof]);
  }

  /** Item 3. */
  buy({ number }: ByHandLane, sequence: number, sku: string, price: string, quantity = 1): Uint8Array {
    const order: Order = orderFor(sku, price, quantity);
    const amount: Amount = { ...order.unitPrice, value: order.unitPrice.value * BigInt(quantity) };
    const item = writeBuy(number, sequence, orderTail(amount, order));
    this.session.send(item);
    return item;
  }
}

export interface ByHandLane {
  readonly number: number;
  readonly origin: Uint8Array;
  readonly secret: Uint8Array;
  readonly session: Uint8Array;
  readonly scrip: ScripBody;
}

/** A merchant's place that is held by hand: each session that comes in, one after the other. */
export class MerchantByHand {
  readonly hand: Hand;
  readonly sessions: MerchantSessionByHand[] = [];

  constructor(hand: Hand) {
    this.hand = hand;
  }

  /** Takes sessions, and offers one item through a lane at this price, whoever asks in a session. */
  visit(sku: string, price: string): Visit {
    const attach = (wire: Wire): void =>
      wire.listen({
        message: (first) => {
          acceptHandshake(this.hand.party, wire, first).then((met) => {
            const items = new Items();
            const session = sessionOf(this.hand, met.wire, met.keys, items);
            this.sessions.push(new MerchantSessionByHand(this.hand, items, session, met.credential));
          }, wire.close);
        },
        closed: () => {},
      });
    const answer = (messages: readonly Uint8Array[]): Promise<readonly Uint8Array[]> =>
      Promise.all(messages.map((each) => this.#offer(each, sku, price)));
    return Object.assign(answer, { attach });
  }

  async #offer(bytes: Uint8Array, sku: string, price: string): Promise<Uint8Array> {
    const { opening } = this.hand.party.identity;
    const { payload, digest } = orThrow(
      await openMessage(bytes, [offerRequest], (kid) => (kid === opening.id ? opening : undefined)),
    );
    const customer = this.sessions.find((each) => each.customer.uid === payload.from)?.customer;
    if (customer === undefined) throw new Error("an offer to nobody");
    const { runtime } = this.hand.party;
    const answer = await this.hand.sign(offer, {
      to: payload.from,
      txn: payload.txn,
      request: digest,
      items: [{ sku, description: "", unitPrice: parseAmount(price) }],
      validUntil: runtime.now() + 600_000,
      scripLife: 600_000,
      more: false,
      statementBelow: parseAmount("EUR 0.05"),
    });
    return sealMessage(answer, customer.sealingKey, runtime.random);
  }

  /** The latest session. */
  async met(count = 1): Promise<MerchantSessionByHand> {
    for (let i = 0; i < 500 && this.sessions.length < count; i += 1) await turn();
    const last = this.sessions.at(-1);
    if (last === undefined) throw new Error("nobody has come");
    return last;
  }
}

/** One session at a hand-driven merchant. */
export class MerchantSessionByHand {
  readonly hand: Hand;
  readonly items: Items;
  readonly session: Session;
  readonly customer: Credential;

  constructor(hand: Hand, items: Items, session: Session, customer: Credential) {
    this.hand = hand;
    this.items = items;
    this.session = session;
    this.customer = customer;
  }

  send<T>(codec: Parameters<typeof encodeAs<T>>[0], item: T): void {
    this.session.send(encodeAs(codec, item));
  }

  /** Takes item 1 and says that the lane stands where it begins. */
  async takeLane(): Promise<LaneAtHand> {
    const [, number, [body]] = orThrow(decodeAs(laneOpen, await this.items.next(1)));
    const scrip = orThrow(readScrip(body));
    const origin = laneOrigin(this.session.opening, number, scrip.id);
    const lane: LaneAtHand = {
      number,
      scrip,
      session: this.session.opening,
      remaining: scrip.value.value,
      stated: { chain: origin, sequence: 0, previous: undefined },
      elements: [],
      total: 0n,
    };
    this.send(laneOpened, [2, number, 0, scrip.value, chainAfter(origin, [])]);
    return lane;
  }

  /** Takes item 3 and sells; `answer` may say something else. */
  async sell(lane: LaneAtHand, answer: (honest: SoldItem) => SoldItem = (honest) => honest): Promise<void> {
    const bought = await this.items.next(3);
    const [, number, sequence, price] = orThrow(decodeAs(laneBuy, bought));
    lane.remaining -= price.value;
    lane.total += price.value;
    const [charged, left] = [Number(price.value), Number(lane.remaining)];
    const honest: SoldItem = [4, number, sequence, charged, left, new Uint8Array([1]), "text/plain"];
    const item = encodeAs(laneSold, answer(honest));
    lane.elements.push(laneElement(bought, item));
    this.session.send(item);
  }

  /** A statement about all that was sold since the last; `alter` changes what it says. */
  async propose(
    lane: LaneAtHand,
    alter: (honest: Draft) => Draft = (honest) => honest,
    secret: Uint8Array = new Uint8Array(0),
    by: SigningKey = this.hand.party.identity.signing,
  ): Promise<void> {
    const { identity, runtime } = this.hand.party;
    const { currency } = lane.scrip.value;
    const { sequence, chain, previous } = lane.stated;
    const honest: Draft = {
      network: identity.network,
      from: identity.uid,
      to: identity.network,
      txn: toText(runtime.random(16)),
      issuedAt: runtime.now(),
      customer: this.customer.uid,
      session: lane.session,
      lane: lane.number,
      scrip: lane.scrip.id,
      first: sequence + 1,
      last: sequence + lane.elements.length,
      total: amountOf(currency, lane.total),
      remaining: amountOf(currency, lane.remaining),
      chain: chainAfter(chain, lane.elements),
      ...(previous === undefined ? {} : { previous }),
    };
    const payload = encodePayload(statement, alter(honest));
    const signature = await signStatement(payload, by);
    this.send(statementProposal, [14, lane.number, payload, signature, secret]);
    lane.stated = { chain: honest.chain, sequence: honest.last, previous: digestOf(payload) };
    lane.elements = [];
    lane.total = 0n;
  }
}

export type Draft = Parameters<typeof encodePayload<typeof statement>>[1];
export type SoldItem = Value<typeof laneSold>;

export interface LaneAtHand {
  readonly number: number;
  readonly scrip: ScripBody;
  readonly session: Uint8Array;
  remaining: bigint;
  stated: { chain: Uint8Array; sequence: number; previous: Digest | undefined };
  elements: Uint8Array[];
  total: bigint;
}

function sessionOf(
  hand: Hand,
  wire: Wire,
  keys: ConstructorParameters<typeof Session>[1],
  items: Items,
): Session {
  const session = new Session(wire, keys, hand.party.runtime, {
    items: (come) => items.all.push(...come.map((each) => each.slice())),
    ended: (code) => {
      items.end = { code };
    },
  });
  return session;
}
