/** A session at the merchant: each item of its customer's goes to whom it concerns. */
import {
  type Codec,
  type Credential,
  decodeAs,
  type ErrorCode,
  encodeAs,
  equalBytes,
  isRefusal,
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
import { itemKind, Session } from "../../session/session.ts";
import type { Shop } from "../shop.ts";
import type { Lane } from "./lane.ts";
import { openLane } from "./open.ts";
import { resumeLane } from "./resume.ts";
import { sellOnLane } from "./sell.ts";
import { isStatementDue, proposeStatement, takeSignature } from "./state.ts";

/** One customer's session, and the lanes that it holds. */
export interface LaneVisit {
  readonly customer: Credential;
  readonly session: Session;
  /** The opening of the session that it said it resumes. */
  readonly resumes: Uint8Array | undefined;
  /** By their numbers. */
  readonly lanes: Map<number, Lane>;
  send(item: Uint8Array): void;
  /** Says that a lane cannot be gone on with, and lets go of it. */
  fault(lane: number, code: ErrorCode): void;
  /** The lane stands at its bound: where no signature comes in time, its customer is told. */
  awaitStatement(lane: Lane): void;
  /** Ends the session. */
  end(code: ErrorCode): void;
}

/** Answers a signed message that travelled in the session: `content` in, `content` or an error message out. */
export type AnswerContent = (content: Uint8Array, customer: Credential) => Promise<Uint8Array>;

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
): Promise<Credential> {
  const handshaken = await acceptHandshake(shop.party, wire, first);
  const { credential, resumes } = handshaken;
  // A connection that has broken may not be known to be: the session that resumes it takes its lanes.
  for (const before of shop.visits.of(credential.uid))
    if (resumes !== undefined && equalBytes(before.session.opening, resumes)) before.end("closed");
  const visit = createVisit(shop, handshaken, answer);
  shop.visits.add(visit);
  visit.session.begin();
  return visit.customer;
}

function createVisit(
  shop: Shop,
  { wire, keys, credential, resumes }: Awaited<ReturnType<typeof acceptHandshake>>,
  answer: AnswerContent,
): LaneVisit {
  const lanes = new Map<number, Lane>();
  /** What takes longer than its turn; the next is read when there is room. */
  let underWay = 0;
  let patience: CallOff | undefined;

  const visit: LaneVisit = {
    customer: credential,
    get session() {
      return session;
    },
    resumes,
    lanes,
    send: (item) => session.send(item),
    fault: (number, code) => {
      const lane = lanes.get(number);
      if (lane !== undefined) leave(lane);
      session.send(encodeAs(laneFault, [13, number, code]));
    },
    awaitStatement: (lane) => {
      patience ??= shop.party.runtime.later(limits.statementPatience, () => {
        patience = undefined;
        for (const each of lanes.values())
          if (each.waiting.length > 0) visit.fault(each.number, "statement-due");
      });
    },
    end: (code) => session.close(code),
  };

  const events = {
    items: (items: readonly Uint8Array[]): void => {
      for (const item of items) if (session.isOpen) take(item);
    },
    ended: (): void => {
      shop.visits.remove(visit);
      patience?.();
      for (const lane of [...lanes.values()]) leave(lane);
    },
  };
  const session: Session = new Session(wire, keys, shop.party.runtime, events);
  return visit;

  function leave(lane: Lane): void {
    lanes.delete(lane.number);
    if (lane.visit !== visit) return;
    lane.visit = undefined;
    lane.waiting = [];
  }

  function take(item: Uint8Array): void {
    switch (itemKind(item)) {
      case BUY:
        return sellOnLane(shop, visit, item);
      case OPEN:
        return later(laneOpen, item, ([, number, scrip, pop, authorization]) =>
          openLane(shop, visit, { number, scrip, pop, authorization }),
        );
      case MESSAGE:
        return later(sessionMessage, item, async ([, id, content]) => {
          const reply = await answer(content, credential);
          session.send(encodeAs(sessionMessage, [6, id, reply]));
        });
      case CLOSE:
        return now(laneClose, item, ([, number]) =>
          withLane(number, (lane) => {
            lane.isClosing = true;
            proposeStatement(shop, lane);
          }),
        );
      case RESUME:
        return now(laneResume, item, ([, number, sequence, chain]) =>
          resumeLane(shop, visit, { number, sequence, chain }),
        );
      case SIGNED:
        return later(statementSigned, item, async ([, number, signature]) => {
          const lane = lanes.get(number) ?? shop.lanes.find(credential.uid, number);
          if (lane !== undefined) await takeSignature(shop, visit, lane, signature);
          else session.send(encodeAs(laneClose, [7, number]));
        });
      default:
        session.close("malformed");
    }
  }

  function withLane(number: number, work: (lane: Lane) => void): void {
    const lane = lanes.get(number);
    if (lane === undefined) visit.fault(number, "wrong-reference");
    else work(lane);
  }

  function now<T>(codec: Codec<T>, item: Uint8Array, work: (value: T) => void): void {
    const value: Or<T> = decodeAs(codec, item);
    if (isRefusal(value)) session.close("malformed");
    else work(value);
  }

  function later<T>(codec: Codec<T>, item: Uint8Array, work: (value: T) => Promise<void>): void {
    now(codec, item, (value) => {
      underWay += 1;
      if (underWay === limits.framesAtOnce) session.pause();
      work(value)
        .catch((error: unknown) => {
          shop.onError(error);
          session.close("internal");
        })
        .finally(() => {
          if (underWay === limits.framesAtOnce) session.resume();
          underWay -= 1;
        });
    });
  }
}

/** What the book's lanes ask for: a statement when enough was bought, or when it has been too long. */
export function attendBook(shop: Shop): void {
  const { lanes } = shop;
  lanes.onDurable = (lane) => {
    if (lane.isClosing || isStatementDue(lane)) proposeStatement(shop, lane);
  };
  lanes.onDue = (lane) => proposeStatement(shop, lane);
  lanes.onFault = shop.onError;
}

/** Whether a session may take a lane from the one that holds it. */
export const mayTake = ({ visit }: Lane, { resumes }: LaneVisit): boolean =>
  visit === undefined ||
  !visit.session.isOpen ||
  (resumes !== undefined && equalBytes(visit.session.opening, resumes));
