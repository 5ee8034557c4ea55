/** A session at the customer: each item of its merchant's goes to whom it concerns. */
import {
  type Codec,
  decodeAs,
  type ErrorCode,
  encodeAs,
  equalBytes,
  isErrorCode,
  isRefusal,
  LeptaError,
  laneClose,
  laneFault,
  laneJoined,
  laneOpened,
  laneRefused,
  laneSold,
  limits,
  sessionMessage,
  statementProposal,
  statementSigned,
  statementsRecorded,
} from "@lepta/protocol";
import { chainOver, laneId } from "../../lanes/run.ts";
import type { Wire } from "../../ports.ts";
import { itemKind, Session, type SessionEvents, type SessionKeys } from "../../session/session.ts";
import type { Customer } from "../customer.ts";
import { takeAnswer } from "./answers.ts";
import { closeLanes } from "./close.ts";
import { type Place, takeRecorded } from "./copies.ts";
import { forgetLane, loseLane } from "./end.ts";
import { answeredUpTo, type Lane } from "./lane.ts";
import type { MerchantSession, Signers } from "./merchant-session.ts";
import { resumeLanes } from "./resume.ts";
import { type Proposal, signProposal } from "./sign.ts";
import { tellItem } from "./tell-item.ts";

/** Where a lane stands as its merchant says. */
interface Standing {
  readonly sequence: number;
  readonly remaining: number;
  readonly currency: string;
  readonly chain: Uint8Array;
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** Numbers of items. */
const OPENED = 2;
const SOLD = 4;
const REFUSED = 5;
const MESSAGE = 6;
const CLOSE = 7;
const JOINED = 12;
const FAULT = 13;
const PROPOSAL = 14;
const SIGNED = 15;
const RECORDED = 16;
/** How long an answer may take, in milliseconds. */
const PATIENCE = 30_000;

/** Attends to a session with the merchant of this credential, under this one of ours. */
export function attendMerchant(
  customer: Customer,
  wire: Wire,
  keys: SessionKeys,
  signers: Signers,
): MerchantSession {
  const { lanes: book, party } = customer;
  const lanes = new Map<number, Lane>();
  const asked = new Map<number, Waiting<Uint8Array>>();
  const standings = new Map<number, Waiting<boolean>>();
  const closings = new Map<number, Waiting<void>>();
  let lastId = 0;
  let recording = 0;

  const events: SessionEvents = {
    items: (items) => {
      for (const item of items) if (session.isOpen) take(item);
    },
    ended: () => {
      const gone = new LeptaError("unreachable", "the connection was closed");
      for (const waiting of [asked, standings, closings])
        for (const each of [...waiting.values()]) each.reject(gone);
      const held = [...lanes.values()];
      for (const lane of held) leave(lane);
      customer.onBroken(held);
    },
    ...(party.watch === undefined
      ? {}
      : { passed: tellItem(party.watch, party.runtime.now, party.identity.uid, signers.merchant.uid) }),
  };
  const session: Session = new Session(wire, keys, party.runtime, events, limits.requestFrameBytes);
  const attended: Readonly<Record<number, (item: Uint8Array) => void>> = {
    [OPENED]: (item) =>
      read(laneOpened, item, ([, number, sequence, { currency, value }, chain]) =>
        // As it stands now: what comes after it in this session moves the lane on.
        standings
          .get(number)
          ?.resolve(isAsOurs(lanes.get(number), { sequence, remaining: Number(value), currency, chain })),
      ),
    [MESSAGE]: (item) => read(sessionMessage, item, ([, id, content]) => asked.get(id)?.resolve(content)),
    [CLOSE]: (item) => read(laneClose, item, ([, number]) => closed(number)),
    [JOINED]: (item) =>
      read(laneJoined, item, ([, number, sequence, opening]) => join(number, sequence, opening)),
    [FAULT]: (item) =>
      read(laneFault, item, ([, number, code]) => fault(number, isErrorCode(code) ? code : "internal")),
    [PROPOSAL]: (item) =>
      read(statementProposal, item, ([, number, payload, signature, secret]) => {
        const lane = lanes.get(number);
        if (lane !== undefined) sign(lane, { payload, signature, secret });
      }),
    [RECORDED]: (item) =>
      read(statementsRecorded, item, ([, acknowledgement, statements]) =>
        record(acknowledgement, statements),
      ),
  };
  const merchantSession: MerchantSession = {
    session,
    signers,
    lanes,
    standing: (number, item) => waitFor(standings, number, item),
    closed: (lane) => waitFor(closings, lane.number, encodeAs(laneClose, [CLOSE, lane.number])),
    resumeLanes: () => resumeLanes(customer, merchantSession),
    closeLanes: (isChosen) => closeLanes(customer, merchantSession, isChosen),
    signed: (number, signature) =>
      waitFor(closings, number, encodeAs(statementSigned, [SIGNED, number, signature])),
    ask: (content) => {
      lastId = (lastId + 1) % 0xffffffff;
      return waitFor(asked, lastId, encodeAs(sessionMessage, [MESSAGE, lastId, content]));
    },
    disagree,
  };
  return merchantSession;

  function waitFor<T>(waiting: Map<number, Waiting<T>>, id: number, item: Uint8Array): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!session.isOpen) return reject(new LeptaError("unreachable", "the connection was closed"));
      if (waiting.has(id)) return reject(new LeptaError("pending", "asked already"));
      const end =
        <V>(settle: (value: V) => void) =>
        (value: V): void => {
          giveUp();
          waiting.delete(id);
          settle(value);
        };
      const giveUp = party.runtime.later(PATIENCE, () =>
        waiting.get(id)?.reject(new LeptaError("unreachable", `no answer in ${PATIENCE / 1000} s`)),
      );
      waiting.set(id, { resolve: end(resolve), reject: end(reject) });
      session.send(item);
    });
  }

  function take(item: Uint8Array): void {
    const kind = itemKind(item);
    if (kind === SOLD || kind === REFUSED) takeAnswerOf(item);
    else (attended[kind] ?? nonsense)(item);
  }

  function takeAnswerOf(item: Uint8Array): void {
    const lane = laneOfAnswer(item);
    if (lane === undefined || !takeAnswer(book, lane, item)) disagree(lane, "scrip-mismatch");
  }

  function nonsense(): void {
    session.close("malformed");
  }

  function sign(lane: Lane, proposal: Proposal): void {
    const signing = signProposal(customer, session, signers, lane, proposal).then(
      (outcome) => {
        if (isRefusal(outcome)) disagree(lane, outcome.code);
      },
      () => session.close("internal"),
    );
    customer.background(signing);
  }

  function read<T>(codec: Codec<T>, item: Uint8Array, work: (value: T) => void): void {
    const value = decodeAs(codec, item);
    if (isRefusal(value)) session.close("malformed");
    else work(value);
  }

  /** Receipts come as the broker gives them; a merchant that floods us with them has them overlooked, and we send our copies. */
  function record(acknowledgement: Uint8Array, statements: readonly Place[]): void {
    if (recording >= limits.framesAtOnce) return;
    recording += 1;
    const work = takeRecorded(customer, signers.merchant, acknowledgement, statements);
    customer.background(
      work.finally(() => {
        recording -= 1;
      }),
    );
  }

  /** Nearly always the one lane that there is. */
  function laneOfAnswer(item: Uint8Array): Lane | undefined {
    if (lanes.size === 1) for (const lane of lanes.values()) return lane;
    const answer = itemKind(item) === SOLD ? decodeAs(laneSold, item) : decodeAs(laneRefused, item);
    return isRefusal(answer) ? undefined : lanes.get(answer[1]);
  }

  /** A session of ours entered the chain before this sequence, and we had no answer through it. */
  function join(number: number, sequence: number, opening: Uint8Array): void {
    const lane = lanes.get(number);
    const isOurs =
      lane?.record.openings.some((each) => equalBytes(each, opening)) && sequence === answeredUpTo(lane) + 1;
    if (lane !== undefined && isOurs) lane.joining = opening;
    else disagree(lane, "scrip-mismatch");
  }

  /** The merchant has our closing signature: nothing of the lane is needed any more. */
  function closed(number: number): void {
    // It may have left this session since.
    const lane = lanes.get(number) ?? book.get(laneId(signers.merchant.uid, number));
    if (lane?.record.state === "closing") {
      leave(lane);
      customer.background(forgetLane(customer, lane));
    }
    closings.get(number)?.resolve();
  }

  function leave(lane: Lane): void {
    lanes.delete(lane.number);
    if (lane.session !== undefined && lane.session !== session) return;
    lane.session = undefined;
    lane.joining = undefined;
  }

  function fault(number: number, code: ErrorCode): void {
    const error = new LeptaError(code);
    standings.get(number)?.reject(error);
    closings.get(number)?.reject(error);
    const lane = lanes.get(number);
    if (lane === undefined) return;
    leave(lane);
    book.giveUp(lane, error);
  }

  function disagree(lane: Lane | undefined, code: ErrorCode): void {
    if (lane !== undefined) {
      fault(lane.number, code);
      customer.background(loseLane(customer, lane));
    }
    session.close(code);
  }
}

/** Whether a lane stands at its merchant as it does with us. */
const isAsOurs = (lane: Lane | undefined, { sequence, remaining, currency, chain }: Standing): boolean =>
  lane !== undefined &&
  sequence === answeredUpTo(lane) &&
  remaining === lane.answered &&
  currency === lane.record.currency &&
  equalBytes(chain, chainOver(lane.stated.chain, lane.run));
