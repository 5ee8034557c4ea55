/** The part for B in a merchant's request: the customer's own words, which the merchant only forwards. */
import { type MessageType, type Or, refuse, sha256, toText } from "@lepta/protocol";
import { type Broker, type Received, receive } from "./broker.ts";

/** Attached alone, the one that M names, sealed to us, signed by the customer. Anything else is unusable. */
export async function receivePart<M extends MessageType>(
  broker: Broker,
  by: { readonly attachments: readonly Uint8Array[]; readonly payload: { readonly part: string } },
  type: M,
): Promise<Or<Received<M>>> {
  const [bytes, ...more] = by.attachments;
  if (bytes === undefined || more.length > 0) return refuse("malformed", "not one attachment");
  if (toText(sha256(bytes)) !== by.payload.part) return refuse("wrong-reference");
  return receive(broker, bytes, [type]);
}
