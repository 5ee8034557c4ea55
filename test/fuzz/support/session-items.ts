/** Whole items of both directions of a session, as seeds: of a lane that stands, and of nobody's. */
import {
  amountOf,
  encodeAs,
  laneClose,
  laneFault,
  laneJoined,
  laneOpen,
  laneOpened,
  laneRefused,
  laneResume,
  laneSold,
  ping,
  pong,
  type ScripTuple,
  sessionClose,
  sessionMessage,
  sha256,
  statementProposal,
  statementSigned,
  statementsRecorded,
  toText,
  utf8,
} from "@lepta/protocol";

const hash = (text: string): Uint8Array => sha256(utf8(text));

export interface ItemsOf {
  /** The lane that stands. */
  readonly lane: number;
  readonly scrip: ScripTuple;
  readonly chain: Uint8Array;
  readonly opening: Uint8Array;
  /** The next purchase on it. */
  readonly sequence: number;
  readonly remaining: number;
}

/** One of each that both sides write with the general codec; items 3 and whole statements are added by the caller. */
export function itemsOf({
  lane,
  scrip,
  chain,
  opening,
  sequence,
  remaining,
}: ItemsOf): readonly Uint8Array[] {
  const money = amountOf("EUR", BigInt(remaining));
  return [
    encodeAs(laneOpen, [1, lane + 1, scrip, hash("pop"), new Uint8Array(0)]),
    encodeAs(laneOpen, [1, lane, scrip, hash("pop"), hash("M4")]),
    encodeAs(laneOpened, [2, lane, sequence - 1, money, chain]),
    encodeAs(laneSold, [4, lane, sequence, 10_000, remaining - 10_000, utf8("page"), ""]),
    encodeAs(laneSold, [4, lane, sequence, 10_000, remaining - 10_000, utf8("page"), "text/html"]),
    encodeAs(laneRefused, [5, lane, sequence, "insufficient", remaining]),
    encodeAs(sessionMessage, [6, 1, hash("content")]),
    encodeAs(laneClose, [7, lane]),
    encodeAs(ping, [8, 5]),
    encodeAs(pong, [9, 5]),
    encodeAs(sessionClose, [10, "closed"]),
    encodeAs(laneResume, [11, lane, sequence - 1, chain, hash("pop")]),
    encodeAs(laneResume, [11, lane + 1, 0, hash("h"), hash("pop")]),
    encodeAs(laneJoined, [12, lane, sequence, opening]),
    encodeAs(laneFault, [13, lane, "statement-due"]),
    encodeAs(statementProposal, [14, lane, hash("statement"), hash("signature"), new Uint8Array(0)]),
    encodeAs(statementProposal, [14, lane, hash("statement"), hash("signature"), hash("secret")]),
    encodeAs(statementSigned, [15, lane, hash("signature")]),
    encodeAs(statementsRecorded, [
      16,
      hash("acknowledgement"),
      [
        [toText(hash("statement")), 0, []],
        [toText(hash("another")), 1, [hash("a"), hash("b")]],
      ],
    ]),
  ];
}
