/**
 * Sessions and lanes: what travels inside a Noise transport message, and the statement that both sides sign.
 * A transport message holds an array of items; each item is an array that begins with its kind.
 */
import { limits } from "../limits.ts";
import {
  amount,
  bytes,
  type Codec,
  charge,
  digest,
  embedded,
  field,
  list,
  optional,
  scripId,
  struct,
  text,
  tuple,
  uid,
  uint,
  word,
} from "../schema.ts";
import { message } from "./define.ts";
import { grantCodec, hash32, orderCodec, scripCodec } from "./parts.ts";

const kind = (number: number): Codec<number> => uint(number, number);

/** The payload of each side's Noise handshake message. */
export const sessionHello = struct({
  credential: field(1, embedded(3072)),
  signature: field(2, word("each", "statement")),
  /** The session that is resumed. */
  resumes: optional(3, bytes(16)),
});

/** `[1, lane, [scrip], pop]`: opens a lane; pop is over the lane's h_0. */
export const laneOpen = tuple(kind(1), uint(), scripCodec, hash32);
/** `[2, lane, remaining, h]`: the lane stands here; also after a resumption. */
export const laneOpened = tuple(kind(2), uint(), charge, hash32);
/** `[3, lane, sequence, amount, metered as 0 or 1, order, pop]`: M1 on a lane. */
export const laneBuy = tuple(kind(3), uint(), uint(), amount, uint(1), orderCodec, hash32);
/** `[4, lane, sequence, charged, remaining, goods, media type]`: M2 on a lane. */
export const laneSold = tuple(
  kind(4),
  uint(),
  uint(),
  charge,
  charge,
  bytes(0, limits.goodsBytes - 4096),
  text(127, 0),
);
/** `[5, lane, sequence, code, remaining]`: a refused M1 counts and leaves the value. */
export const laneRefused = tuple(kind(5), uint(), uint(), text(32), charge);
/** `[6, a signed message]`: an offer, a statement, M1 or M2 of figure 7, an acknowledgement. */
export const sessionMessage = tuple(kind(6), embedded(limits.goodsBytes));
/** `[7, lane]`: no more purchases; the closing statement follows. */
export const laneClose = tuple(kind(7), uint());
/** `[8, number]` and `[9, number]`: heartbeat and its echo. */
export const ping = tuple(kind(8), uint());
export const pong = tuple(kind(9), uint());
/** `[10, code]`: the session ends. */
export const sessionClose = tuple(kind(10), text(32));

/** M → network, signed by M and by C: the total over a run of a lane. M3 and M0 for its range. */
export const statement = message("statement", "notice", {
  customer: field(10, uid),
  session: field(11, bytes(16)),
  lane: field(12, uint()),
  /** The lane's opening scrip. */
  scrip: field(13, scripId),
  first: field(14, uint()),
  last: field(15, uint()),
  total: field(16, charge),
  remaining: field(17, charge),
  /** h at the last purchase of the run. */
  chain: field(18, hash32),
  /** Digest of the statement before, absent for the lane's first. */
  previous: optional(19, digest),
  /** A closing statement names the change; its CustomerSecret travels beside it. */
  change: optional(20, grantCodec),
  closes: optional(21, uint(1, 1)),
});

/** A statement with both signatures, each a COSE_Sign1 over the same payload: M's, then C's. */
export const signedStatement = struct({
  merchant: field(1, embedded(1024)),
  customer: field(2, embedded(1024)),
});

/** The array inside one transport message. */
export const sessionItems = list(bytes(1, limits.frameBytes), limits.frameMessages, 1);
