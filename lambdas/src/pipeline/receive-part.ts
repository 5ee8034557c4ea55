/** The part for B in a merchant's request: the customer's own words, which the merchant only forwards. */
import {
  isRefusal,
  type MessageType,
  type Or,
  refuse,
  sha256,
  toText,
  type VerifiedOf,
} from "@lepta/protocol";
import { type Broker, receive } from "./broker.ts";

/** Attached alone, the one that M names, sealed to us, signed by the customer. Anything else is unusable. */
export async function receivePart<M extends MessageType>(
  broker: Broker,
  by: { readonly attachments: readonly Uint8Array[]; readonly payload: { readonly part: string } },
  type: M,
): Promise<Or<VerifiedOf<M>>> {
  const [bytes, ...more] = by.attachments;
  if (bytes === undefined || more.length > 0) return refuse("malformed", "not one attachment");
  if (toText(sha256(bytes)) !== by.payload.part) return refuse("wrong-reference");
  const part = await receive(broker, bytes, [type]);
  return isRefusal(part) ? part : part.message;
}
