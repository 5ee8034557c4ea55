/**
 * A session at an adversarial merchant that holds its own keys and answers by hand: what it says of charges, goods, statements and
 * lanes is often not so. What it gets away with may cost nobody more than what its customers have signed for.
 */
import type { Wire } from "@lepta/peer-sdk";
import {
  amountOf,
  chainAfter,
  type Digest,
  decodeAs,
  digestOf,
  encodeAs,
  encodePayload,
  equalBytes,
  isRefusal,
  laneBuy,
  laneClose,
  laneElement,
  laneFault,
  laneJoined,
  laneOpen,
  laneOpened,
  laneOrigin,
  laneRefused,
  laneResume,
  laneSold,
  limits,
  makeScripId,
  mint,
  originOf,
  readScrip,
  type ScripBody,
  signStatement,
  statement,
  statementProposal,
  statementSigned,
  toText,
} from "@lepta/protocol";
import { acceptHandshake } from "../../peer-sdk/src/session/handshake.ts";
import { itemKind, Session } from "../../peer-sdk/src/session/session.ts";
import type { Hand } from "../peer-sdk/support/hand.ts";
import type { Draws } from "./random.ts";
import { adversaries as rates } from "./rates.ts";

type Draft = Parameters<typeof encodePayload<typeof statement>>[1];

/** A lane as the liar remembers it, from session to session. */
interface LiarLane {
  readonly number: number;
  readonly scrip: ScripBody;
  readonly session: Uint8Array;
  /** It proposes nothing: its customer must stop by itself. */
  readonly isSilent: boolean;
  sequence: number;
  remaining: bigint;
  /** What was sold since the last statement, with its answers, and h there. */
  elements: Uint8Array[];
  total: bigint;
  chain: Uint8Array;
  previous: Digest | undefined;
  stated: number;
  joining: Uint8Array | undefined;
  /** An answer that it holds back. */
  held: Uint8Array | undefined;
  isClosing: boolean;
}

/** What a liar knows of all its customers' lanes, by customer and number. */
export type LiarMemory = Map<string, LiarLane>;

export interface LiarOptions {
  readonly hand: () => Promise<Hand>;
  readonly draws: Draws;
  readonly memory: LiarMemory;
  /** Told where a customer buys on although so much is in no statement. */
  readonly exceeded: (customer: string) => void;
  /** A lie was told. */
  readonly lied: () => void;
}

const CODES = ["wrong-reference", "conflict", "in-use", "statement-due", "scrip-spent", "internal"] as const;

/** Attends to a session from its first message on; resolves with its customer's UID, or undefined where no handshake comes about. */
export async function attendAsLiar(options: LiarOptions, wire: Wire): Promise<string | undefined> {
  try {
    return await accept(options, wire);
  } catch {
    wire.close();
    return undefined;
  }
}

async function accept(options: LiarOptions, wire: Wire): Promise<string> {
  const hand = await options.hand();
  const met = await acceptHandshake(hand.party, wire);
  const liar: { session: LiarSession | undefined } = { session: undefined };
  const session = new Session(met.wire, met.keys, hand.party.runtime, {
    items: (items) => {
      for (const item of items) liar.session?.take(item);
    },
    ended: () => {},
  });
  liar.session = new LiarSession(options, hand, session, met.credential.uid);
  return met.credential.uid;
}

class LiarSession {
  readonly #options: LiarOptions;
  readonly #hand: Hand;
  readonly #session: Session;
  readonly #customer: string;

  constructor(options: LiarOptions, hand: Hand, session: Session, customer: string) {
    this.#options = options;
    this.#hand = hand;
    this.#session = session;
    this.#customer = customer;
  }

  take(item: Uint8Array): void {
    const kind = itemKind(item);
    if (kind === 1) this.#open(item);
    else if (kind === 3) this.#sell(item);
    else if (kind === 7) this.#close(item);
    else if (kind === 11) this.#resume(item);
    else if (kind === 15) this.#signed(item);
  }

  /** Whether to lie now. */
  #lies(probability: number): boolean {
    const isLie = this.#options.draws.chance(probability);
    if (isLie) this.#options.lied();
    return isLie;
  }

  #lane(number: number): LiarLane | undefined {
    return this.#options.memory.get(`${this.#customer}/${number}`);
  }

  #fault(number: number): void {
    this.#session.send(encodeAs(laneFault, [13, number, this.#options.draws.pick(CODES)]));
  }

  #open(item: Uint8Array): void {
    const open = decodeAs(laneOpen, item);
    const scrip = isRefusal(open) ? open : readScrip(open[2][0]);
    if (isRefusal(open) || isRefusal(scrip)) return;
    const { draws, memory } = this.#options;
    const [, number] = open;
    if (this.#lies(rates.lieOpening)) {
      this.#fault(number);
      return;
    }
    const chain = laneOrigin(this.#session.opening, number, scrip.id);
    // h as a statement about nothing would say it.
    const standing = chainAfter(chain, []);
    memory.set(`${this.#customer}/${number}`, {
      number,
      scrip,
      session: this.#session.opening,
      isSilent: draws.chance(rates.silent),
      sequence: 0,
      remaining: scrip.value.value,
      elements: [],
      total: 0n,
      chain,
      previous: undefined,
      stated: 0,
      joining: undefined,
      held: undefined,
      isClosing: false,
    });
    if (this.#lies(rates.lieOpening)) {
      const less = amountOf(scrip.value.currency, scrip.value.value - 1n);
      this.#session.send(
        draws.pick([
          encodeAs(laneOpened, [2, number, 1, scrip.value, standing]),
          encodeAs(laneOpened, [2, number, 0, less, standing]),
          encodeAs(laneOpened, [2, number, 0, scrip.value, draws.bytes(32)]),
        ]),
      );
    } else this.#session.send(encodeAs(laneOpened, [2, number, 0, scrip.value, standing]));
  }

  #sell(bought: Uint8Array): void {
    const buy = decodeAs(laneBuy, bought);
    const lane = isRefusal(buy) ? undefined : this.#lane(buy[1]);
    if (isRefusal(buy) || lane === undefined) return;
    const { draws } = this.#options;
    const [, number, sequence, price, metered, order] = buy;
    const unit = Number(order.unitPrice.value);
    const charged = metered === 1 ? unit * draws.below(order.quantity + 1) : Number(price.value);
    lane.sequence = sequence;
    lane.remaining -= BigInt(charged);
    lane.total += BigInt(charged);
    if (lane.total > limits.unstatedAmount) this.#options.exceeded(this.#customer);
    const left = Math.max(0, Number(lane.remaining));
    const goods = new TextEncoder().encode(`${order.sku} of a liar`);
    const honest = encodeAs(laneSold, [4, number, sequence, charged, left, goods, ""]);
    /** More is charged, and what is left says so too. */
    const charging = (more: number) => () => [
      encodeAs(laneSold, [4, number, sequence, charged + more, Math.max(0, left - more), goods, ""]),
    ];
    // A unit more than was ordered, and a part of a unit.
    const charges = [charging(Number(price.value) - charged + unit), charging(1)];
    const lies: readonly (() => readonly Uint8Array[])[] = [
      charging(1),
      () => [encodeAs(laneSold, [4, number, sequence, charged + 1, left, goods, ""])],
      () => [encodeAs(laneSold, [4, number, sequence, charged, left + 1, goods, ""])],
      () => [encodeAs(laneSold, [4, number, sequence + 1, charged, left, goods, ""])],
      () => [encodeAs(laneSold, [4, number + 1, sequence, charged, left, goods, ""])],
      () => [encodeAs(laneRefused, [5, number, sequence, "delivery-failed", left])],
      () => [encodeAs(laneRefused, [5, number, sequence + 1, "insufficient", left + charged])],
      () => [],
      () => [honest, honest],
      () => {
        lane.held = honest;
        return [];
      },
    ];
    if (lane.joining !== undefined) lane.elements.push(lane.joining);
    lane.joining = undefined;
    lane.elements.push(laneElement(bought, honest));
    // Where it proposes nothing it says nothing else that is wrong: its customer is to go on until it must stop.
    const isLie = !lane.isSilent && this.#lies(rates.lieItem);
    const isOfCharge = metered === 1 && draws.chance(rates.lieCharge);
    for (const item of isLie ? draws.pick(isOfCharge ? charges : lies)() : [honest]) this.#session.send(item);
    if (lane.held !== undefined && draws.chance(0.5)) this.#session.send(lane.held);
    if (draws.chance(rates.lieItem)) this.#propose(lane, draws.chance(0.3));
  }

  #close(item: Uint8Array): void {
    const close = decodeAs(laneClose, item);
    const lane = isRefusal(close) ? undefined : this.#lane(close[1]);
    if (lane === undefined) return;
    if (this.#lies(rates.lieStatement)) this.#session.send(item);
    else this.#propose(lane, true);
  }

  #signed(item: Uint8Array): void {
    const signed = decodeAs(statementSigned, item);
    const lane = isRefusal(signed) ? undefined : this.#lane(signed[1]);
    if (lane === undefined) return;
    if (lane.isClosing) this.#session.send(encodeAs(laneClose, [7, lane.number]));
    else if (this.#lies(rates.lieStatement)) this.#propose(lane, false);
  }

  #resume(item: Uint8Array): void {
    const resume = decodeAs(laneResume, item);
    if (isRefusal(resume)) return;
    const [, number, sequence, chain] = resume;
    const lane = this.#lane(number);
    const stands = lane && chainAfter(lane.chain, lane.elements);
    const isSame = lane?.sequence === sequence && stands !== undefined && equalBytes(stands, chain);
    if (lane === undefined || !isSame || this.#lies(rates.lieOpening)) {
      this.#fault(number);
      return;
    }
    if (this.#lies(rates.lieOpening))
      this.#session.send(encodeAs(laneJoined, [12, number, sequence + 1, this.#options.draws.bytes(32)]));
    lane.joining = this.#session.opening;
    this.#session.send(
      encodeAs(laneOpened, [2, number, sequence, amountOf(lane.scrip.value.currency, lane.remaining), chain]),
    );
  }

  /** A statement about what was sold since the last, or something like it. */
  #propose(lane: LiarLane, closes: boolean): void {
    if (lane.isSilent || lane.remaining < 0n) return;
    const { draws } = this.#options;
    const honest = this.#draft(lane, closes);
    const secret = closes ? this.#change(lane) : undefined;
    const draft = secret === undefined ? honest : { ...honest, change: secret.grant };
    const given = secret?.secret ?? new Uint8Array(0);
    if (this.#lies(rates.lieStatement)) {
      const more = { ...honest.total, value: honest.total.value + 1n };
      const lies: readonly (() => readonly Draft[])[] = [
        () => [{ ...draft, total: more }],
        () => [{ ...draft, remaining: { ...honest.remaining, value: honest.remaining.value / 2n } }],
        () => [{ ...draft, chain: draws.bytes(32) }],
        () => [{ ...draft, first: honest.first + 1 }],
        () => [{ ...draft, last: honest.last + 1 }],
        () => [{ ...draft, previous: toText(draws.bytes(32)) }],
        () => [{ ...draft, lane: lane.number + 1 }],
        () => [{ ...draft, session: draws.bytes(32) }],
        // Two about one run, each of them true.
        () => [draft, { ...draft, txn: toText(draws.bytes(16)) }],
        () => [{ ...draft, closes: 1 }],
      ];
      for (const each of draws.pick(lies)()) this.#say(lane, each, given);
      return;
    }
    lane.isClosing = closes;
    this.#say(lane, draft, given, true);
  }

  #draft(lane: LiarLane, closes: boolean): Draft {
    const { identity, runtime } = this.#hand.party;
    const { currency } = lane.scrip.value;
    return {
      network: identity.network,
      from: identity.uid,
      to: identity.network,
      txn: toText(runtime.random(16)),
      issuedAt: runtime.now(),
      customer: this.#customer,
      session: lane.session,
      lane: lane.number,
      scrip: lane.scrip.id,
      first: lane.stated + 1,
      last: lane.sequence,
      total: amountOf(currency, lane.total),
      remaining: amountOf(currency, lane.remaining),
      chain: chainAfter(lane.chain, lane.elements),
      ...(lane.previous === undefined ? {} : { previous: lane.previous }),
      ...(lane.scrip.origin === undefined ? {} : { origin: lane.scrip.origin }),
      ...(closes ? { closes: 1 } : {}),
    };
  }

  /** Change of the liar's own making: its shop knows nothing of it. */
  #change({ scrip, remaining }: LiarLane) {
    if (remaining <= 0n) return undefined;
    const { draws } = this.#options;
    const { identity } = this.#hand.party;
    const secrets = { epochRoot: draws.bytes(32), salt: draws.bytes(32) };
    const id = makeScripId(1, draws.bytes(12));
    const { grant, customerSecret: secret } = mint(secrets, {
      kind: "vendor",
      network: identity.network,
      issuer: identity.uid,
      owner: this.#customer,
      id,
      value: amountOf(scrip.value.currency, remaining),
      expiresAt: scrip.expiresAt,
      parent: scrip.id,
      origin: originOf(scrip),
    });
    return { grant, secret };
  }

  /** Signs it and sends it; `isTrue` where the lane goes on from there. */
  #say(lane: LiarLane, draft: Draft, secret: Uint8Array, isTrue = false): void {
    const payload = encodePayload(statement, draft);
    if (isTrue) {
      lane.stated = lane.sequence;
      lane.chain = draft.chain;
      lane.elements = [];
      lane.total = 0n;
      lane.previous = digestOf(payload);
    }
    signStatement(payload, this.#hand.party.identity.signing).then((signature) => {
      this.#session.send(encodeAs(statementProposal, [14, lane.number, payload, signature, secret]));
    });
  }
}
