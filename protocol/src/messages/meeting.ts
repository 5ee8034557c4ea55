/** Two peers meet: hello, and what is sold. */
import { limits } from "../limits.ts";
import {
  amount,
  boolean,
  bytes,
  digest,
  embedded,
  field,
  list,
  optional,
  struct,
  text,
  time,
  tuple,
  uint,
} from "../schema.ts";
import { message } from "./define.ts";

/** Either way. The first goes out signed but not sealed, to anybody; its answer has the same `txn`. */
export const hello = message("hello", "request", {
  credential: field(10, embedded(3072)),
});

/** C → M. */
export const offerRequest = message("offer-request", "request", {
  /** All that is sold, when absent. */
  sku: optional(10, text(limits.skuLength)),
});

/** M → C. */
export const offer = message(
  "offer",
  "answer",
  {
    request: field(10, digest),
    items: field(
      11,
      list(
        struct({
          sku: field(1, text(limits.skuLength)),
          description: field(2, text(limits.descriptionLength, 0)),
          unitPrice: field(3, amount),
          /** What the unit price is for, when metered: "token", "second". */
          unit: optional(4, text(32)),
        }),
        limits.offerItems,
      ),
    ),
    validUntil: field(12, time),
    /** The VendorScrip that M issues lives at least so long, in milliseconds. */
    scripLife: field(13, uint()),
    /** Purchases below this amount may be covered by statements. */
    statementBelow: optional(14, amount),
    /** Whether more items are sold than are listed. */
    more: field(15, boolean),
  },
  limits.offerBytes,
);

/** One WebSocket message: `[id, [message, …]]`. The one who asks chooses the id; the answer carries the same. */
export const frameCodec = tuple(
  uint(0xffffffff),
  list(bytes(1, limits.goodsBytes + 8 * 1024), limits.frameMessages, 1),
);
