/** The broker's doors that are needed when there are dealings with merchants, or money goes back. */
import {
  accountResponse,
  acknowledgement,
  authorizationResponse,
  redeemResponse,
  renewalResponse,
  reversal,
  settlementStatement,
  transactionResponse,
} from "@lepta/protocol";
import { door } from "./doors.ts";

export const moreDoors = {
  query: door("/query", transactionResponse, "decide"),
  abort: door("/abort", transactionResponse, "decide"),
  intent: door("/intent", acknowledgement, "decide"),
  authorise: door("/authorise", authorizationResponse, "decide"),
  notices: door("/notices", acknowledgement, "acknowledge"),
  account: door("/account", accountResponse, "decide"),
  renew: door("/renew", renewalResponse, "decide"),
  redeem: door("/redeem", redeemResponse, "decide"),
  refund: door("/refund", authorizationResponse, "decide"),
  reversal: door("/reversal", reversal, "decide"),
  claim: door("/claim", reversal, "decide"),
  settle: door("/settle", settlementStatement, "decide"),
} as const;
