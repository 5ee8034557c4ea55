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
} from "../schema.ts";
import { message } from "./define.ts";
import { grantCodec, hash32, orderCodec, scripCodec } from "./parts.ts";

const kind = (number: number): Codec<number> => uint(number, number);

/** The payload of the second and the third message of the Noise handshake: M's, then C's. */
export const sessionHello = struct({
  credential: field(1, embedded(3072)),
  /** The opening of the session of C's that ends with this one. */
  resumes: optional(2, hash32),
});

/** `[1, lane, [body, certificate], pop, M4]`: opens a lane; pop is over the lane's h_0. M4 is empty where M has it. */
export const laneOpen = tuple(kind(1), uint(), scripCodec, hash32, bytes(0, 1024));
/** `[2, lane, sequence, remaining, h]`: the lane stands here, h as a statement up to this sequence would say it. */
export const laneOpened = tuple(kind(2), uint(), uint(), charge, hash32);
/** `[3, lane, sequence, amount, metered as 0 or 1, order]`: M1 on a lane. */
export const laneBuy = tuple(kind(3), uint(), uint(), amount, uint(1), orderCodec);
/**
 * `[4, lane, sequence, charged, remaining, goods, media type]`: M2 on a lane. Amounts in millionths of the lane's currency; an
 * empty type is `GOODS_TYPE`.
 */
export const laneSold = tuple(
  kind(4),
  uint(),
  uint(),
  uint(),
  uint(),
  bytes(0, limits.goodsBytes - 4096),
  text(127, 0),
);
/** `[5, lane, sequence, code, remaining]`: a refused M1 counts and leaves the value. */
export const laneRefused = tuple(kind(5), uint(), uint(), text(32), uint());
/** What most goods are. */
export const GOODS_TYPE = "text/plain;charset=utf-8";
/** `[6, id, content]`: M1 of figure 7 with what travels beside it, and under the same id M2, or an error message. */
export const sessionMessage = tuple(
  kind(6),
  uint(0xffffffff),
  bytes(1, limits.goodsBytes + 2 * limits.signatureBytes),
);
/** `[7, lane]`: no more purchases; the closing statement follows. M says the same when it has C's signature. */
export const laneClose = tuple(kind(7), uint());
/** `[8, number]` and `[9, number]`: heartbeat and its echo. */
export const ping = tuple(kind(8), uint());
/** `[9, number]`: the echo of the heartbeat with this number. */
export const pong = tuple(kind(9), uint());
/** `[10, code]`: the session ends. */
export const sessionClose = tuple(kind(10), text(32));
/**
 * `[11, lane, sequence, h, pop]`: C goes on with a lane of an earlier session; M2 up to this sequence has come. The pop is over
 * h_0 and the opening of this session.
 */
export const laneResume = tuple(kind(11), uint(), uint(), hash32, hash32);
/** `[12, lane, sequence, opening]`: before this sequence the opening of a session entered the chain. */
export const laneJoined = tuple(kind(12), uint(), uint(), hash32);
/** `[13, lane, code]`: the lane cannot be opened, resumed or gone on with. */
export const laneFault = tuple(kind(13), uint(), text(32));
/** `[14, lane, statement, M's COSE_Sign1 without it, CustomerSecret of the change or empty]`: M proposes a statement. */
export const statementProposal = tuple(kind(14), uint(), embedded(2048), embedded(256), bytes(0, 32));
/** `[15, lane, C's COSE_Sign1 without the statement]`. */
export const statementSigned = tuple(kind(15), uint(), embedded(256));
/** `[16, acknowledgement, [[digest of a statement, index of its entry, path], …]]`: B has them (RFC 9162 section 2.1.3). */
export const statementsRecorded = tuple(
  kind(16),
  embedded(64 * 1024),
  list(tuple(digest, uint(limits.batchEntries), list(hash32, limits.merklePath)), limits.frameMessages, 1),
);

/** M → network, signed by M and by C: the total over a run of a lane. M3 and M0 for its range. */
export const statement = message("statement", "notice", {
  customer: field(10, uid),
  /** The opening of the session in which the lane was opened. */
  session: field(11, hash32),
  lane: field(12, uint()),
  /** The lane's opening scrip. */
  scrip: field(13, scripId),
  first: field(14, uint()),
  /** Less than `first` where a lane closes and nothing is left to state. */
  last: field(15, uint()),
  total: field(16, charge),
  remaining: field(17, charge),
  /** h after the run. */
  chain: field(18, hash32),
  /** Digest of the statement before, absent for the lane's first. */
  previous: optional(19, digest),
  /** A closing statement names the change; its CustomerSecret travels beside it. */
  change: optional(20, grantCodec),
  closes: optional(21, uint(1, 1)),
  /** The V0 from which the opening scrip descends, absent where it is V0 itself: so C signs in which line it bought. */
  origin: optional(22, scripId),
});

/** The array inside one transport message. */
export const sessionItems = list(bytes(1, limits.frameBytes), limits.frameMessages, 1);
