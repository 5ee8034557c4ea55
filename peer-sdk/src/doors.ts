/** The broker's doors as a peer knows them: where a request goes, what answers it, and which key of the broker signs that. */
import {
  accountResponse,
  acknowledgement,
  authorizationResponse,
  brokerscripResponse,
  enrolResponse,
  type MessageType,
  type Or,
  type Purpose,
  redeemResponse,
  renewalResponse,
  reversal,
  settlementStatement,
  transactionResponse,
  type VerifiedOf,
} from "@lepta/protocol";
import type { BrokerLink } from "./broker-link.ts";
import type { Identity } from "./identity.ts";

export interface Door<M extends MessageType> {
  readonly path: string;
  readonly answer: M;
  readonly purpose: Purpose;
}

const door = <M extends MessageType>(path: string, answer: M, purpose: Purpose): Door<M> => ({
  path,
  answer,
  purpose,
});

export const doors = {
  enrol: door("/enrol", enrolResponse, "enrol"),
  brokerscrip: door("/brokerscrip", brokerscripResponse, "decide"),
  intent: door("/intent", acknowledgement, "decide"),
  authorise: door("/authorise", authorizationResponse, "decide"),
  notices: door("/notices", acknowledgement, "acknowledge"),
  query: door("/query", transactionResponse, "decide"),
  abort: door("/abort", transactionResponse, "decide"),
  account: door("/account", accountResponse, "decide"),
  renew: door("/renew", renewalResponse, "decide"),
  redeem: door("/redeem", redeemResponse, "decide"),
  refund: door("/refund", authorizationResponse, "decide"),
  reversal: door("/reversal", reversal, "decide"),
  claim: door("/claim", reversal, "decide"),
  settle: door("/settle", settlementStatement, "decide"),
} as const;

/** Sends a sealed request of ours to a door and checks the answer: for us, under this `txn`, to the request with this digest. */
export const askAt = <M extends MessageType>(
  { link, identity }: { readonly link: BrokerLink; readonly identity: Identity },
  { path, answer, purpose }: Door<M>,
  sealed: Uint8Array,
  request: { readonly txn: string; readonly digest: string },
): Promise<Or<VerifiedOf<M>>> =>
  link.ask(path, sealed, {
    accepted: [answer],
    purpose,
    to: identity.uid,
    opening: identity.opening,
    ...request,
  });
