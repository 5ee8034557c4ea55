/** A session at the customer: each item of its merchant's goes to whom it concerns. */
import {
  type Codec,
  decodeAs,
  encodeAs,
  equalBytes,
  type ErrorCode,
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
  statementsRecorded,
} from "@lepta/protocol";
import { chainOver } from "../../lanes/run.ts";
import type { Wire } from "../../ports.ts";
import { itemKind, Session, type SessionKeys } from "../../session/session.ts";
import type { Customer } from "../customer.ts";
import type { Acquaintance } from "../meet.ts";
import { takeAnswer } from "./answers.ts";
import { takeRecorded } from "./copies.ts";
import { answeredUpTo, type Lane } from "./lane.ts";
import { signProposal } from "./sign.ts";

/** Where a lane stands as its merchant says. */
export interface Standing {
  readonly sequence: number;
  readonly remaining: number;
  readonly currency: string;
  readonly chain: Uint8Array;
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** One session with one merchant. */
export interface MerchantSession {
  readonly session: Session;
  /** Lanes that are bought on in this session, by number. */
  readonly lanes: Map<number, Lane>;
  /** Sends an item that asks to open or resume a lane, and brings what its merchant answers. Throws its code. */
  standing(number: number, item: Uint8Array): Promise<Standing>;
  /** Closes a lane; resolves when its merchant has our closing signature. Throws its code, or `unreachable`. */
  closed(lane: Lane): Promise<void>;
  /** Sends a signed message and brings the answer. Throws `unreachable`. */
  ask(content: Uint8Array): Promise<Uint8Array>;
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
const RECORDED = 16;
/** How long an answer may take, in milliseconds. */
const PATIENCE = 30_000;

/** Attends to a session. `merchant` is whom it is with, `onEnd` is told of the lanes that it held. */
export function attendMerchant(
  customer: Customer,
  wire: Wire,
  keys: SessionKeys,
  merchant: () => Acquaintance,
  onEnd: (lanes: readonly Lane[]) => void,
): MerchantSession {
  const { lanes: book, party } = customer;
  const lanes = new Map<number, Lane>();
  const asked = new Map<number, Waiting<Uint8Array>>();
  const standings = new Map<number, Waiting<Standing>>();
  const closings = new Map<number, Waiting<void>>();
  let lastId = 0;

  const session: Session = new Session(wire, keys, party.runtime, {
    items: (items) => {
      for (const item of items) if (session.isOpen) take(item);
    },
    ended: () => {
      const gone = new LeptaError("unreachable", "the connection was closed");
      for (const waiting of [asked, standings, closings])
        for (const each of [...waiting.values()]) each.reject(gone);
      const held = [...lanes.values()];
      lanes.clear();
      for (const lane of held) lane.session = undefined;
      onEnd(held);
    },
  });

  return {
    session,
    lanes,
    standing: (number, item) => waitFor(standings, number, item),
    closed: (lane) => waitFor(closings, lane.number, encodeAs(laneClose, [CLOSE, lane.number])),
    ask: (content) => {
      lastId = (lastId + 1) % 0xffffffff;
      return waitFor(asked, lastId, encodeAs(sessionMessage, [MESSAGE, lastId, content]));
    },
  };

  function waitFor<T>(waiting: Map<number, Waiting<T>>, id: number, item: Uint8Array): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!session.isOpen) return reject(new LeptaError("unreachable"));
      const end = <V>(settle: (value: V) => void) => (value: V): void => {
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
    switch (itemKind(item)) {
      case SOLD:
      case REFUSED: {
        const lane = laneOfAnswer(item);
        if (lane === undefined || !takeAnswer(book, lane, item)) disagree(lane, "scrip-mismatch");
        return;
      }
      case OPENED:
        return read(laneOpened, item, ([, number, sequence, remaining, chain]) =>
          standings.get(number)?.resolve({
            sequence,
            remaining: Number(remaining.value),
            currency: remaining.currency,
            chain,
          }),
        );
      case MESSAGE:
        return read(sessionMessage, item, ([, id, content]) => asked.get(id)?.resolve(content));
      case CLOSE:
        return read(laneClose, item, ([, number]) => closings.get(number)?.resolve());
      case JOINED:
        return read(laneJoined, item, ([, number, sequence, opening]) => join(number, sequence, opening));
      case FAULT:
        return read(laneFault, item, ([, number, code]) => fault(number, isErrorCode(code) ? code : "internal"));
      case PROPOSAL:
        return read(statementProposal, item, ([, number, payload, signature, secret]) => {
          const lane = lanes.get(number);
          if (lane === undefined) return;
          customer.background(
            signProposal(customer, merchant(), lane, { payload, signature, secret }).then(
              (outcome) => isRefusal(outcome) && disagree(lane, outcome.code),
              () => session.close("internal"),
            ),
          );
        });
      case RECORDED:
        return read(statementsRecorded, item, ([, acknowledgement, statements]) =>
          customer.background(takeRecorded(customer, merchant(), acknowledgement, statements)),
        );
      default:
        session.close("malformed");
    }
  }

  function read<T>(codec: Codec<T>, item: Uint8Array, work: (value: T) => void): void {
    const value = decodeAs(codec, item);
    if (isRefusal(value)) session.close("malformed");
    else work(value);
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
      lane?.record.openings.some((each) => equalBytes(each, opening)) &&
      sequence === answeredUpTo(lane) + 1;
    if (lane !== undefined && isOurs) lane.joining = opening;
    else disagree(lane, "scrip-mismatch");
  }

  function fault(number: number, code: ErrorCode): void {
    const error = new LeptaError(code);
    standings.get(number)?.reject(error);
    closings.get(number)?.reject(error);
    const lane = lanes.get(number);
    if (lane === undefined) return;
    lanes.delete(number);
    lane.session = undefined;
    book.giveUp(lane, error);
    for (const { settle } of lane.flight) settle?.reject(error);
  }

  /** The merchant says something else than we know: nothing more is bought there, and what both signed stands. */
  function disagree(lane: Lane | undefined, code: ErrorCode): void {
    if (lane !== undefined) {
      fault(lane.number, code);
      customer.background(customer.lost(lane));
    }
    session.close(code);
  }
}

/** Whether a lane stands at its merchant as it does with us. */
export const isAsOurs = (lane: Lane, { sequence, remaining, currency, chain }: Standing): boolean =>
  sequence === answeredUpTo(lane) &&
  remaining === lane.answered &&
  currency === lane.record.currency &&
  equalBytes(chain, chainOver(lane.stated.chain, lane.run));

/** How many lanes may be open with one merchant. */
export const mayOpenAnother = (lanes: readonly Lane[]): boolean => lanes.length < limits.lanes;
