/** A session whose items a rogue writes by hand, under its own keys: lanes are opened, used and closed with whatever it likes. */
import { connectWebSocket, type PeerStore } from "@lepta/peer-sdk";
import {
  chainAfter,
  decodeAs,
  decodePayload,
  encodeAs,
  laneClose,
  laneElement,
  laneFault,
  laneOpen,
  laneOrigin,
  laneResume,
  type Order,
  orderTail,
  orThrow,
  proveLane,
  proveResumption,
  readScrip,
  type Suite,
  scripOf,
  signStatement,
  statement,
  statementProposal,
  statementSigned,
  writeBuy,
} from "@lepta/protocol";
import { openParty, type Party } from "../../../peer-sdk/src/party.ts";
import { openHandshake } from "../../../peer-sdk/src/session/handshake.ts";
import { itemKind, Session } from "../../../peer-sdk/src/session/session.ts";
import type { Holding } from "./records.ts";
import type { Verdict } from "./teller.ts";

export interface HandLane {
  readonly number: number;
  readonly origin: Uint8Array;
  readonly secret: Uint8Array;
}

/** What closes a lane: the change and its secret. */
export type Change = Pick<Holding, "grant" | "secret">;

/** The numbers of items that answer. */
const [OPENED, SOLD, CLOSED, FAULT, PROPOSAL] = [2, 4, 7, 13, 14];
/** How long an item may take, in milliseconds. */
const PATIENCE = 10_000;

export class SessionByHand {
  readonly #party: Party;
  readonly #session: Session;
  readonly #come: Uint8Array[];
  readonly #stir: { wake: () => void };
  readonly #close: () => void;

  private constructor(
    party: Party,
    session: Session,
    come: Uint8Array[],
    stir: { wake: () => void },
    close: () => void,
  ) {
    this.#party = party;
    this.#session = session;
    this.#come = come;
    this.#stir = stir;
    this.#close = close;
  }

  /** Opens a session under the keys in this store, which takes the lanes of another where that is said. */
  static async open(
    store: PeerStore,
    broker: string,
    suite: Suite,
    url: string,
    resumes?: SessionByHand,
  ): Promise<SessionByHand> {
    const party = await openParty({ store, broker, suite });
    const channel = await connectWebSocket(url);
    if (channel.wire === undefined) throw new Error("the channel has no sessions");
    const { wire, keys } = await openHandshake(
      party,
      channel.wire,
      () => {},
      () => resumes?.opening,
    );
    const come: Uint8Array[] = [];
    const stir = { wake: () => {} };
    const session = new Session(wire, keys, party.runtime, {
      items: (items) => {
        come.push(...items.map((item) => item.slice()));
        stir.wake();
      },
      ended: () => stir.wake(),
    });
    return new SessionByHand(party, session, come, stir, () => channel.close());
  }

  get opening(): Uint8Array {
    return this.#session.opening;
  }

  /** Item 1, sent. */
  openLane(number: number, { grant, secret }: Holding): HandLane {
    const origin = laneOrigin(this.#session.opening, number, orThrow(readScrip(grant.body)).id);
    const item = [1, number, scripOf(grant), proveLane(secret, origin), new Uint8Array(0)] as const;
    this.#session.send(encodeAs(laneOpen, [...item]));
    return { number, origin, secret };
  }

  /** The merchant's word that the lane is open. */
  async opened(): Promise<void> {
    await this.#next(OPENED);
  }

  /** Item 3, sent: a purchase under this sequence. */
  buy({ number }: HandLane, sequence: number, order: Order): Uint8Array {
    const item = writeBuy(number, sequence, orderTail(order.unitPrice, order));
    this.#session.send(item);
    return item;
  }

  /** The very bytes again. */
  replay(item: Uint8Array): void {
    this.#session.send(item);
  }

  /** Item 4. */
  sold(): Promise<Uint8Array> {
    return this.#next(SOLD);
  }

  /** Item 13, as a verdict: the session's seal says whose it is, and nobody has signed it. */
  async fault(): Promise<Verdict> {
    const [, , code] = orThrow(decodeAs(laneFault, await this.#next(FAULT)));
    return { ok: false, code, signed: false };
  }

  /** Item 11, sent: goes on with a lane of an earlier session, after one purchase and its answer. */
  resume({ number, origin, secret }: HandLane, item: Uint8Array, answer: Uint8Array): void {
    const chain = chainAfter(origin, [laneElement(item, answer)]);
    const pop = proveResumption(secret, origin, this.opening);
    this.#session.send(encodeAs(laneResume, [11, number, 1, chain, pop]));
  }

  /** Closes the lane as an honest customer would, and signs what its merchant states: the change. */
  async closeLane({ number }: HandLane): Promise<Change> {
    this.#session.send(encodeAs(laneClose, [7, number]));
    const [, , payload, , secret] = orThrow(decodeAs(statementProposal, await this.#next(PROPOSAL)));
    const { change: grant } = orThrow(decodePayload(statement, payload));
    if (grant === undefined) throw new Error("the lane was closed without change");
    const signature = await signStatement(payload, this.#party.identity.signing);
    this.#session.send(encodeAs(statementSigned, [15, number, signature]));
    await this.#next(CLOSED);
    return { grant, secret };
  }

  close(): void {
    this.#session.close("closed");
    this.#close();
  }

  /** The next item of this kind. */
  async #next(kind: number): Promise<Uint8Array> {
    for (;;) {
      const at = this.#come.findIndex((item) => itemKind(item) === kind);
      const [found] = at < 0 ? [] : this.#come.splice(at, 1);
      if (found !== undefined) return found;
      if (!this.#session.isOpen) throw new Error(`the session ended before item ${kind} came`);
      await this.#stirred(kind);
    }
  }

  #stirred(kind: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const overdue = setTimeout(() => {
        const got = this.#come.map((item) => itemKind(item)).join();
        reject(new Error(`item ${kind} has not come, but ${got}`));
      }, PATIENCE);
      this.#stir.wake = () => {
        clearTimeout(overdue);
        resolve();
      };
    });
  }
}
