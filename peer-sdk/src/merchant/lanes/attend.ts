/** A session at the merchant: each item of its customer's goes to whom it concerns. */
import {
  type Codec,
  decodeAs,
  type ErrorCode,
  encodeAs,
  equalBytes,
  isOver,
  isRefusal,
  type KnownPeer,
  knownBy,
  laneClose,
  laneFault,
  laneOpen,
  laneResume,
  limits,
  type Or,
  sessionMessage,
  statementSigned,
} from "@lepta/protocol";
import type { CallOff, Wire } from "../../ports.ts";
import { acceptHandshake } from "../../session/handshake.ts";
import { itemKind, Session, type SessionEvents } from "../../session/session.ts";
import type { Shop } from "../shop.ts";
import type { Lane, LaneVisit } from "./lane.ts";
import { openLane } from "./open.ts";
import { sendKept } from "./recorded.ts";
import { resumeLane } from "./resume.ts";
import { sellOnLane } from "./sell.ts";
import { takeSignature } from "./sign.ts";
import { isPairDue, isStatementDue, proposeStatement } from "./state.ts";

/** Answers a signed message that travelled in the session: `content` in, `content` or an error message out. */
export type AnswerContent = (shop: Shop, content: Uint8Array, customer: KnownPeer) => Promise<Uint8Array>;

/** Numbers of items. */
const OPEN = 1;
const BUY = 3;
const MESSAGE = 6;
const CLOSE = 7;
const RESUME = 11;
const SIGNED = 15;

/** Attends to a session on this connection, from its first message on. Resolves with its customer when the handshake has ended. */
export async function attendSession(
  shop: Shop,
  wire: Wire,
  first: Uint8Array,
  answer: AnswerContent,
): Promise<KnownPeer> {
  const handshaken = await acceptHandshake(shop.party, wire, first);
  const { credential, resumes } = handshaken;
  // A connection that has broken may not be known to be: the session that resumes it takes its lanes.
  for (const before of shop.visits.of(credential.uid))
    if (resumes !== undefined && equalBytes(before.session.opening, resumes)) before.end("closed");
  const visit = new Attendance(shop, handshaken, answer);
  shop.visits.add(visit);
  sendKept(shop, visit).catch(shop.onError);
  return visit.customer;
}

/** A class, as an idle session is to take little memory: what it can do is there once for all. */
class Attendance implements LaneVisit, SessionEvents {
  readonly customer: KnownPeer;
  readonly session: Session;
  readonly resumes: Uint8Array | undefined;
  readonly #shop: Shop;
  readonly #ours: KnownPeer;
  readonly #answer: AnswerContent;
  #lanes: Map<number, Lane> | undefined;
  /** What takes longer than its turn; the next is read when there is room. */
  #underWay = 0;
  #patience: CallOff | undefined;

  constructor(
    shop: Shop,
    { wire, keys, credential, ours, resumes }: Awaited<ReturnType<typeof acceptHandshake>>,
    answer: AnswerContent,
  ) {
    this.customer = knownBy(credential);
    this.resumes = resumes;
    this.#shop = shop;
    this.#ours = ours;
    this.#answer = answer;
    this.session = new Session(wire, keys, shop.party.runtime, this);
  }

  get lanes(): Map<number, Lane> {
    this.#lanes ??= new Map();
    return this.#lanes;
  }

  isOver(): boolean {
    const { link, runtime } = this.#shop.party;
    const [trust, now] = [link.trust(), runtime.now()];
    return isOver(this.customer, trust, now) || isOver(this.#ours, trust, now);
  }

  send(item: Uint8Array): void {
    this.session.send(item);
  }

  fault(number: number, code: ErrorCode): void {
    const lane = this.lanes.get(number);
    if (lane !== undefined) this.#leave(lane);
    this.session.send(encodeAs(laneFault, [13, number, code]));
  }

  awaitStatement(): void {
    this.#patience ??= this.#shop.party.runtime.later(limits.statementPatience, () => this.#tellDue());
  }

  end(code: ErrorCode): void {
    this.session.close(code);
  }

  items(items: readonly Uint8Array[]): void {
    // Its customer meets us again with a credential that holds, and goes on where it stood.
    if (this.isOver()) this.session.close("unknown-peer");
    for (const item of items) if (this.session.isOpen) this.#take(item);
  }

  ended(): void {
    this.#shop.visits.remove(this);
    this.#patience?.();
    for (const lane of [...this.lanes.values()]) this.#leave(lane);
  }

  #take(item: Uint8Array): void {
    const shop = this.#shop;
    switch (itemKind(item)) {
      case BUY:
        sellOnLane(shop, this, item);
        break;
      case OPEN:
        this.#later(laneOpen, item, ([, number, scrip, pop, authorization]) =>
          openLane(shop, this, { number, scrip, pop, authorization }),
        );
        break;
      case MESSAGE:
        this.#later(sessionMessage, item, async ([, id, content]) => {
          const answer = await this.#answer(shop, content, this.customer);
          this.session.send(encodeAs(sessionMessage, [MESSAGE, id, answer]));
        });
        break;
      case CLOSE:
        this.#now(laneClose, item, ([, number]) => this.#close(number));
        break;
      case RESUME:
        this.#now(laneResume, item, ([, number, sequence, chain, pop]) =>
          resumeLane(shop, this, { number, sequence, chain, pop }),
        );
        break;
      case SIGNED:
        this.#later(statementSigned, item, ([, number, signature]) => this.#sign(number, signature));
        break;
      default:
        this.session.close("malformed");
    }
  }

  /** Lanes that stand at the bound for too long are told; others may have come to stand there meanwhile. */
  #tellDue(): void {
    this.#patience = undefined;
    const before = this.#shop.party.runtime.now() - limits.statementPatience;
    for (const { number, dueSince = Number.POSITIVE_INFINITY } of [...this.lanes.values()])
      if (dueSince <= before) this.fault(number, "statement-due");
    if ([...this.lanes.values()].some(({ dueSince }) => dueSince !== undefined)) this.awaitStatement();
  }

  #leave(lane: Lane): void {
    this.lanes.delete(lane.number);
    if (lane.visit !== this) return;
    lane.visit = undefined;
    lane.waiting = [];
    lane.dueSince = undefined;
  }

  #close(number: number): void {
    const lane = this.lanes.get(number);
    if (lane === undefined) this.fault(number, "wrong-reference");
    else {
      lane.isClosing = true;
      proposeStatement(this.#shop, lane);
    }
  }

  async #sign(number: number, signature: Uint8Array): Promise<void> {
    const lane = this.lanes.get(number) ?? this.#shop.lanes.find(this.customer.uid, number);
    if (lane !== undefined) await takeSignature(this.#shop, this, lane, signature);
    else this.session.send(encodeAs(laneClose, [CLOSE, number]));
  }

  #now<T>(codec: Codec<T>, item: Uint8Array, work: (value: T) => void): void {
    const value: Or<T> = decodeAs(codec, item);
    if (isRefusal(value)) this.session.close("malformed");
    else work(value);
  }

  #later<T>(codec: Codec<T>, item: Uint8Array, work: (value: T) => Promise<void>): void {
    this.#now(codec, item, (value) => {
      this.#underWay += 1;
      if (this.#underWay === limits.framesAtOnce) this.session.pause();
      work(value)
        .catch((error: unknown) => {
          this.#shop.onError(error);
          this.session.close("internal");
        })
        .finally(() => {
          if (this.#underWay === limits.framesAtOnce) this.session.resume();
          this.#underWay -= 1;
        });
    });
  }
}

/** What the book's lanes ask for: a statement when enough was bought, or when it has been too long. */
export function attendBook(shop: Shop): void {
  const { lanes } = shop;
  lanes.onDurable = (lane) => {
    if (lane.isClosing || isStatementDue(lane)) proposeStatement(shop, lane);
    if (isPairDue(lane.pair)) for (const each of lanes.all(lane.owner)) proposeStatement(shop, each);
  };
  lanes.onDue = (lane) => proposeStatement(shop, lane);
  lanes.onFault = shop.onError;
}
