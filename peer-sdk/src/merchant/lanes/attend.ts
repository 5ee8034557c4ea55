/** A session at the merchant: each item of its customer's goes to whom it concerns. */
import {
  type Codec,
  type Credential,
  decodeAs,
  encodeAs,
  equalBytes,
  isOver,
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
import type { Lane, LaneVisit } from "./lane.ts";
import { openLane } from "./open.ts";
import { sendKept } from "./recorded.ts";
import { resumeLane } from "./resume.ts";
import { sellOnLane } from "./sell.ts";
import { takeSignature } from "./sign.ts";
import { isPairDue, isStatementDue, proposeStatement } from "./state.ts";

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
  sendKept(shop, visit).catch(shop.onError);
  return visit.customer;
}

function createVisit(
  shop: Shop,
  { wire, keys, credential, ours, resumes }: Awaited<ReturnType<typeof acceptHandshake>>,
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
    isOver: () => {
      const { link, runtime } = shop.party;
      const [trust, now] = [link.trust(), runtime.now()];
      return isOver(credential, trust, now) || isOver(ours, trust, now);
    },
    send: (item) => session.send(item),
    fault: (number, code) => {
      const lane = lanes.get(number);
      if (lane !== undefined) leave(lane);
      session.send(encodeAs(laneFault, [13, number, code]));
    },
    awaitStatement: () => {
      patience ??= shop.party.runtime.later(limits.statementPatience, tellDue);
    },
    end: (code) => session.close(code),
  };

  const events = {
    items: (items: readonly Uint8Array[]): void => {
      // Its customer meets us again with a credential that holds, and goes on where it stood.
      if (visit.isOver()) session.close("unknown-peer");
      for (const item of items) if (session.isOpen) take(item);
    },
    ended: (): void => {
      shop.visits.remove(visit);
      patience?.();
      for (const lane of [...lanes.values()]) leave(lane);
    },
  };
  const attended: Readonly<Record<number, (item: Uint8Array) => void>> = {
    [OPEN]: (item) =>
      later(laneOpen, item, ([, number, scrip, pop, authorization]) =>
        openLane(shop, visit, { number, scrip, pop, authorization }),
      ),
    [MESSAGE]: (item) =>
      later(sessionMessage, item, async ([, id, content]) => {
        session.send(encodeAs(sessionMessage, [MESSAGE, id, await answer(content, credential)]));
      }),
    [CLOSE]: (item) => now(laneClose, item, ([, number]) => withLane(number, close)),
    [RESUME]: (item) =>
      now(laneResume, item, ([, number, sequence, chain, pop]) =>
        resumeLane(shop, visit, { number, sequence, chain, pop }),
      ),
    [SIGNED]: (item) => later(statementSigned, item, ([, number, signature]) => sign(number, signature)),
  };
  const session: Session = new Session(wire, keys, shop.party.runtime, events);
  return visit;

  /** Lanes that stand at the bound for too long are told; others may have come to stand there meanwhile. */
  function tellDue(): void {
    patience = undefined;
    const before = shop.party.runtime.now() - limits.statementPatience;
    for (const { number, dueSince = Number.POSITIVE_INFINITY } of [...lanes.values()])
      if (dueSince <= before) visit.fault(number, "statement-due");
    if ([...lanes.values()].some(({ dueSince }) => dueSince !== undefined)) visit.awaitStatement();
  }

  function leave(lane: Lane): void {
    lanes.delete(lane.number);
    if (lane.visit !== visit) return;
    lane.visit = undefined;
    lane.waiting = [];
    lane.dueSince = undefined;
  }

  function take(item: Uint8Array): void {
    const kind = itemKind(item);
    if (kind === BUY) sellOnLane(shop, visit, item);
    else (attended[kind] ?? nonsense)(item);
  }

  function nonsense(): void {
    session.close("malformed");
  }

  function close(lane: Lane): void {
    lane.isClosing = true;
    proposeStatement(shop, lane);
  }

  async function sign(number: number, signature: Uint8Array): Promise<void> {
    const lane = lanes.get(number) ?? shop.lanes.find(credential.uid, number);
    if (lane !== undefined) await takeSignature(shop, visit, lane, signature);
    else session.send(encodeAs(laneClose, [CLOSE, number]));
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
    if (isPairDue(lane.pair)) for (const each of lanes.all(lane.owner)) proposeStatement(shop, each);
  };
  lanes.onDue = (lane) => proposeStatement(shop, lane);
  lanes.onFault = shop.onError;
}
