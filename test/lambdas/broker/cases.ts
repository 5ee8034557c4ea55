/** Requests and states for the broker's pure decisions: made by hand, without a pipeline, a store or a signature check. */
import { isDeepStrictEqual } from "node:util";
import {
  type AuthoriseOutcome,
  type AuthoriseState,
  decideAuthorisation,
} from "@lepta/lambdas/broker/authorise";
import type { Decision, Fresh, Terms } from "@lepta/lambdas/broker/decision";
import { mintBrokerScrip, pursed } from "@lepta/lambdas/broker/decision";
import { genesis } from "@lepta/lambdas/broker/genesis";
import type { PurseRecord } from "@lepta/lambdas/broker/items";
import {
  type Amount,
  type authorizationRequest,
  authorizationRequest as authorizationRequestType,
  brokerSpendCodec,
  customerSecret,
  digestOf,
  encodeAs,
  encodePayload,
  type MessageType,
  makeScripId,
  mint,
  type Or,
  type Payload,
  parseAmount,
  proveSpend,
  type ScripBody,
  scripOf,
  sha256,
  toText,
  utf8,
  type Verified,
  vendorscripOrder,
} from "@lepta/protocol";

export const NOW = Date.UTC(2027, 0, 1);
export const HOUR = 60 * 60 * 1000;
export const DAY = 24 * HOUR;

export const id32 = (label: string): string => toText(sha256(utf8(label)));
export const id16 = (label: string): string => toText(sha256(utf8(label)).slice(0, 16));
export const euro = (text: string): Amount => parseAmount(`EUR ${text}`);

export const network = id32("network");
export const customer = id32("customer");
export const merchant = id32("merchant");

const ROOT = sha256(utf8("epoch root"));

export const terms: Terms = {
  network,
  currency: "EUR",
  scripLife: 365 * DAY,
  holdTime: 3 * DAY,
  recallableLimit: 0n,
  claimTime: DAY,
  grace: 30 * DAY,
  noticePatience: 7 * DAY,
  unit: 10_000n,
  epoch: 1,
  epochRoot: (epoch) => (epoch === 1 ? ROOT : undefined),
  epochRevokedFrom: () => undefined,
  disputeWindow: 400 * 24 * 60 * 60 * 1000,
};

/** Randomness for one minting that repeats itself. */
export const freshOf = (label: string): Fresh => ({
  id: sha256(utf8(`id ${label}`)).slice(0, 12),
  salt: sha256(utf8(`salt ${label}`)),
});

/** Freezes everything that hangs on a value, so that a decision that touches its input throws. */
export function frozen<T>(value: T): T {
  // A view's elements cannot be frozen; `authorisationCase` compares them afterwards.
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  for (const each of Object.values(value)) frozen(each);
  return Object.freeze(value);
}

/** The own fields of a message and those of the common ones that a case sets. */
export type Fields<M> = Omit<
  Payload<M>,
  "version" | "type" | "network" | "to" | "txn" | "issuedAt" | "expiresAt"
> & {
  readonly network?: string;
  readonly txn?: string;
  readonly issuedAt?: number;
  readonly expiresAt?: number;
};

/** A message as a decision gets it: as if its signature had been checked. */
export function verified<M extends MessageType>(type: M, fields: Fields<M>): Verified<M> {
  const expiry = type.kind === "request" ? { expiresAt: NOW + HOUR } : {};
  const draft = { network, to: network, txn: id16("txn"), issuedAt: NOW, ...expiry, ...fields };
  const bytes = encodePayload(type, draft as never);
  const payload = { version: 1, type: type.name, ...draft };
  const signed = sha256(bytes);
  const sign1 = {
    alg: -7,
    contentType: type.mediaType,
    kid: payload.from,
    payload: bytes,
    signature: signed,
    toBeSigned: bytes,
  };
  const rest = { digest: digestOf(bytes), signed, sign1, secrets: [], attachments: [], seal: undefined };
  return frozen({ stage: "verified", type, payload, ...rest }) as unknown as Verified<M>;
}

/** A purse with a live scrip, its owner's secret and the scrip as the owner shows it. */
export function purseOf(
  owner: string,
  value: Amount,
  options: { readonly expiresAt?: number; readonly label?: string; readonly sequence?: number } = {},
) {
  const { expiresAt = NOW + DAY, label = "purse", sequence = 3 } = options;
  const minted = mintBrokerScrip({ owner, value, expiresAt }, freshOf(label), terms);
  const head = sequence === 0 ? genesis(network, owner) : sha256(utf8(`head ${label}`));
  const purse: PurseRecord = frozen({ sequence, head, ...pursed(minted) });
  return { purse, minted, secret: customerSecret({ epochRoot: ROOT, salt: minted.salt }, minted.body) };
}

export interface AuthorisationOptions {
  readonly held?: Amount;
  readonly heldExpiresAt?: number;
  readonly amount?: Amount;
  readonly now?: number;
  readonly state?: Partial<AuthoriseState>;
  readonly part?: Partial<Fields<typeof vendorscripOrder>>;
  readonly spent?: Amount;
  /** What the part shows in place of the live scrip. */
  readonly shown?: Parameters<typeof scripOf>[0];
  readonly secret?: Uint8Array;
  readonly minimumExpiry?: number;
  readonly spendBody?: Uint8Array;
  readonly m2?: Partial<Fields<typeof authorizationRequest>>;
  readonly v0?: Partial<Omit<ScripBody, "version">>;
  /** In place of the part, when it proved unusable before the decision. */
  readonly unusable?: Or<Verified<typeof vendorscripOrder>>;
  readonly terms?: Partial<Terms>;
}

export interface AuthorisationCase {
  readonly decision: Decision<AuthoriseOutcome>;
  readonly request: Verified<typeof authorizationRequest>;
  readonly part: Verified<typeof vendorscripOrder>;
  readonly state: AuthoriseState;
  readonly customer: string;
  readonly merchant: string;
  readonly txn: string;
}

/** Figure 8's decision on a purse of EUR 1.00 and an amount of EUR 0.30, unless told otherwise. */
export async function authorisationCase(options: AuthorisationOptions = {}): Promise<AuthorisationCase> {
  const { held = euro("1.00"), amount = euro("0.30"), now = NOW, minimumExpiry = NOW + HOUR } = options;
  const { purse, minted, secret } = purseOf(customer, held, {
    expiresAt: options.heldExpiresAt ?? NOW + DAY,
  });
  const txn = options.m2?.txn ?? id16("txn");
  const scrip = scripOf(options.shown ?? minted.grant);
  const spent = options.spent ?? amount;
  const body = options.spendBody ?? encodeAs(brokerSpendCodec, { scrip, amount: spent, minimumExpiry });
  const spend = proveSpend(options.secret ?? secret, body);
  const part = verified(vendorscripOrder, { from: customer, merchant, spend, txn, ...options.part });
  const v0 = mint(
    { epochRoot: ROOT, salt: ROOT },
    {
      kind: "vendor",
      network,
      issuer: merchant,
      owner: customer,
      id: makeScripId(1, sha256(utf8("v0")).slice(0, 12)),
      value: amount,
      expiresAt: NOW + DAY,
      ...options.v0,
    },
  );
  const request = verified(authorizationRequestType, {
    from: merchant,
    txn,
    customer,
    amount,
    part: id32("part"),
    scrip: v0.grant.body,
    escrow: utf8("escrow"),
    ...options.m2,
  });
  const state: AuthoriseState = frozen({
    credit: undefined,
    transaction: undefined,
    purse,
    tombstone: undefined,
    ...options.state,
  });
  const given = options.unusable ?? part;
  const all = frozen({ ...terms, ...options.terms });
  const before = structuredClone({ state, request: request.payload, part: part.payload });
  const decision = decideAuthorisation(request, given, state, now, all, frozen(freshOf("change")));
  if (!isDeepStrictEqual({ state, request: request.payload, part: part.payload }, before))
    throw new Error("the decision touched its input");
  return { decision, request, part, state, customer, merchant, txn };
}
