/** The broker's doors as a peer knows them: where a request goes, what answers it, and which key of the broker signs that. */
import {
  brokerscripResponse,
  enrolResponse,
  type MessageType,
  type Or,
  type Purpose,
  type VerifiedOf,
} from "@lepta/protocol/core";
import type { BrokerLink } from "./broker-link.ts";
import type { Identity } from "./identity.ts";

export interface Door<M extends MessageType> {
  readonly path: string;
  readonly answer: M;
  readonly purpose: Purpose;
}

export const door = <M extends MessageType>(path: string, answer: M, purpose: Purpose): Door<M> => ({
  path,
  answer,
  purpose,
});

/** Those that every peer needs from the start; the rest is in `more-doors.ts`. */
export const doors = {
  enrol: door("/enrol", enrolResponse, "enrol"),
  brokerscrip: door("/brokerscrip", brokerscripResponse, "decide"),
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
