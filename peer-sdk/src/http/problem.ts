/** The problem types of the `Payment` authentication scheme, as `application/problem+json` (RFC 9457). */
import { concat, type ErrorCode, utf8 } from "@lepta/protocol";
import { wholeResponse } from "./whole-body.ts";

const HOME = "https://paymentauth.org/problems/";
export const PROBLEM_MEDIA_TYPE = "application/problem+json";

/** Title and status of each; its name behind `HOME` is its type. */
export const problems = {
  /** No credential of ours came. */
  "payment-required": { title: "Payment Required", status: 402 },
  /** What came cannot be read. */
  "malformed-credential": { title: "Malformed Credential", status: 402 },
  /** The challenge is not ours, not for this request, has expired, or was answered before. */
  "invalid-challenge": { title: "Invalid Challenge", status: 402 },
  /** The method's proof has not the members that it must have. */
  "invalid-payload": { title: "Invalid Payload", status: 402 },
  /** The method's proof does not hold. */
  "verification-failed": { title: "Verification Failed", status: 402 },
  /** The payment's own time is over. */
  "payment-expired": { title: "Payment Expired", status: 402 },
  /** It pays less than the price. */
  "payment-insufficient": { title: "Payment Insufficient", status: 402 },
  /** The challenge's method or intent is not offered here. */
  "method-unsupported": { title: "Method Unsupported", status: 400 },
  /** The request itself is wrong, whatever was paid. */
  "bad-request": { title: "Bad Request", status: 400 },
  /** A session's funds are used up. */
  "session/insufficient-balance": { title: "Insufficient Balance", status: 402 },
  /** The session that is named is not known here. */
  "session/channel-not-found": { title: "Channel Not Found", status: 410 },
  /** It has ended. */
  "session/channel-finalized": { title: "Channel Closed", status: 410 },
} as const satisfies Readonly<Record<string, { readonly title: string; readonly status: number }>>;

export type ProblemName = keyof typeof problems;

export interface Problem {
  readonly problem: ProblemName;
  /** The stable code of the table of errors, where one says more than the type. */
  readonly code?: ErrorCode;
  /** For people: never a secret. */
  readonly detail?: string;
  /** Of the challenge that the answer brings. */
  readonly challengeId?: string;
  /** Values of `WWW-Authenticate`, one for each challenge; every 402 has one at least. */
  readonly challenges?: readonly string[];
  /** In place of the type's own: 403 where the payment was good and a policy refuses. */
  readonly status?: number;
}

export const problemType = (name: ProblemName): string => `${HOME}${name}`;

/** The answer that says so. Nobody may store it: its challenge is for one request. */
export function problemResponse({
  problem,
  code,
  detail,
  challengeId,
  challenges = [],
  status,
}: Problem): Response {
  const own = problems[problem];
  const headers = new Headers({ "content-type": PROBLEM_MEDIA_TYPE, "cache-control": "no-store" });
  for (const challenge of challenges) headers.append("www-authenticate", challenge);
  const body = {
    type: problemType(problem),
    title: own.title,
    status: status ?? own.status,
    detail,
    code,
    challengeId,
  };
  return wholeResponse(concat(utf8(JSON.stringify(body))), { status: body.status, headers });
}
