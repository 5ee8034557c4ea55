/** A customer's questions to the broker about its own transactions. */
import {
  type abort,
  brokerscripChange,
  brokerscripResponse,
  isRefusal,
  orThrow,
  query,
  readMessage,
  toText,
  type transactionResponse,
  type Verified,
} from "@lepta/protocol";
import { askAt, doors } from "../doors.ts";
import { REQUEST_LIFE } from "../party.ts";
import type { Customer } from "./customer.ts";

export interface Answered {
  readonly state: Verified<typeof transactionResponse>["payload"]["state"];
  /** M1 of figure 6, once it is decided. */
  readonly funding: Verified<typeof brokerscripResponse> | undefined;
  /** M3 of figure 8, once it is decided. */
  readonly change: Verified<typeof brokerscripChange> | undefined;
}

/** How a transaction of ours stands, or, with `abort`, how it ended. Throws `unreachable` and the broker's own codes. */
export async function askBroker(
  customer: Customer,
  type: typeof query | typeof abort,
  subject: string,
): Promise<Answered> {
  const { link, identity, runtime } = customer.party;
  const txn = toText(runtime.random(16));
  const expiresAt = runtime.now() + REQUEST_LIFE;
  const request = await customer.party.sign(type, {
    to: link.network,
    txn,
    expiresAt,
    initiator: identity.uid,
    subject,
  });
  const answer = orThrow(
    await askAt(customer.party, type === query ? doors.query : doors.abort, await link.seal(request), {
      txn,
      digest: request.digest,
    }),
  );
  const { state } = answer.payload;
  const [attached] = answer.attachments;
  if (attached === undefined) return { state, funding: undefined, change: undefined };
  const opened = readMessage(attached, [brokerscripResponse, brokerscripChange], { secrets: answer.secrets });
  if (isRefusal(opened)) return { state, funding: undefined, change: undefined };
  const verified = orThrow(await link.verify(opened, "decide", identity.uid)) as Verified<
    typeof brokerscripResponse | typeof brokerscripChange
  >;
  return verified.payload.type === "brokerscrip-response"
    ? { state, funding: verified as Verified<typeof brokerscripResponse>, change: undefined }
    : { state, funding: undefined, change: verified as Verified<typeof brokerscripChange> };
}
