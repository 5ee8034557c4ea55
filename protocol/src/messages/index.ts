/** All signed messages by their media type. */
import { brokerscripRequest, brokerscripResponse } from "./brokerscrip.ts";
import type { MessageType } from "./define.ts";
import {
  enrolment,
  enrolRequest,
  enrolResponse,
  keyCertificate,
  keyRevocation,
  sealingKeyStatement,
} from "./keys.ts";
import { hello, offer, offerRequest } from "./meeting.ts";
import {
  acknowledgement,
  noticeBatch,
  purchaseNotice,
  purchaseRequest,
  purchaseResponse,
  saleNotice,
} from "./purchase.ts";
import { accountQuery, accountResponse, holdingsRequest, holdingsResponse } from "./restoring.ts";
import * as returns from "./returns.ts";
import { statement } from "./session.ts";
import { abort, query, transactionResponse } from "./transactions.ts";
import * as vendorscrip from "./vendorscrip.ts";

/** In the order of `docs/protocol.md`. */
export const messages: readonly MessageType[] = [
  keyCertificate,
  keyRevocation,
  sealingKeyStatement,
  enrolment,
  enrolRequest,
  enrolResponse,
  hello,
  offerRequest,
  offer,
  brokerscripRequest,
  brokerscripResponse,
  vendorscrip.vendorscripIntent,
  vendorscrip.vendorscripRequest,
  vendorscrip.vendorscripOrder,
  vendorscrip.authorizationRequest,
  vendorscrip.authorizationResponse,
  vendorscrip.brokerscripChange,
  vendorscrip.vendorscripResponse,
  purchaseNotice,
  purchaseRequest,
  purchaseResponse,
  saleNotice,
  noticeBatch,
  acknowledgement,
  query,
  abort,
  transactionResponse,
  accountQuery,
  accountResponse,
  holdingsRequest,
  holdingsResponse,
  returns.renewalRequest,
  returns.renewalResponse,
  returns.redeemRequest,
  returns.redeemResponse,
  returns.refundRequest,
  returns.refundOrder,
  returns.refundAuthorization,
  returns.refundChange,
  returns.reversalRequest,
  returns.reversalClaim,
  returns.reversal,
  returns.settleRequest,
  returns.settlementStatement,
  statement,
];

/** The types of messages by their media types. */
export const messageByMediaType: ReadonlyMap<string, MessageType> = new Map(
  messages.map((each) => [each.mediaType, each]),
);
