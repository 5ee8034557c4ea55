/** What `http.json` holds: the formats of docs/http.md, from a secret to the headers. Everything here is made alike each time. */
import {
  concat,
  type ErrorCode,
  idBytes,
  laneOrigin,
  lanePurchase,
  orThrow,
  parseAmount,
  sha256,
  toText,
  utf8,
} from "@lepta/protocol";
import { type Challenge, challengeId, formatChallenge } from "../../peer-sdk/src/http/challenge.ts";
import { contentDigest } from "../../peer-sdk/src/http/content-digest.ts";
import { formatCredential } from "../../peer-sdk/src/http/credential.ts";
import { canonicalJson } from "../../peer-sdk/src/http/jcs.ts";
import { encodeJson } from "../../peer-sdk/src/http/json-text.ts";
import { provePayload, writeSession } from "../../peer-sdk/src/http/payload.ts";
import { formatPaymentReceipt } from "../../peer-sdk/src/http/payment-receipt.ts";
import { readTerms, type Terms, writeTerms } from "../../peer-sdk/src/http/terms.ts";
import { goodsFor } from "../../peer-sdk/src/paywall/answer.ts";
import { party } from "./parties.ts";
import { hex } from "./vector.ts";

export type HttpVector = Awaited<ReturnType<typeof makeHttpVector>>;

export async function makeHttpVector() {
  const [customer, merchant, network] = await Promise.all([party(1), party(2), party(3)]);
  const secret = sha256(utf8("the paywall's own secret"));
  const base = { recipient: merchant.uid, network: network.uid, address: "wss://shop.example/pay" };
  const report: Terms = {
    ...base,
    price: parseAmount("EUR 0.02"),
    resource: "GET /report?page=2",
    sku: "GET /report",
  };
  const ask: Terms = {
    ...base,
    price: parseAmount("EUR 0.00001"),
    resource: "POST /ask",
    sku: "POST /ask",
    meter: { unit: "token", most: 5000, piece: 2499 },
  };
  const body = utf8('{"question":"what is money?"}');

  const made = (intent: string, terms: Terms, more: Partial<Challenge>): Challenge => {
    const slots = {
      realm: "shop.example",
      method: "lepta",
      intent,
      request: writeTerms(terms),
      expires: "2027-01-01T00:05:00.000Z",
      ...more,
    };
    return { id: challengeId(secret, slots), ...slots };
  };
  const session = made("session", report, {
    opaque: encodeJson({ nonce: toText(sha256(utf8("1")).subarray(0, 16)) }),
    description: "GET /report: EUR 0.02",
  });
  const metered = made("session", ask, { digest: contentDigest(body) });
  const bare = made("charge", report, {});
  const { expires: _, ...forever } = bare;

  const customerSecret = sha256(utf8("the CustomerSecret of the lane's opening scrip"));
  const opening = sha256(utf8("the handshake hash of the session"));
  const scrip = toText(sha256(utf8("the scrip that opened the lane")).subarray(0, 16));
  const origin = laneOrigin(opening, 3, scrip);
  const purchase = lanePurchase(origin, 17);
  const payload = writeSession({ purchase, proof: provePayload(customerSecret, session.id, purchase) });
  const credential = { challenge: session, source: customer.uid, payload };
  const json = { challenge: session, payload };
  const header = (value: unknown): string => `Payment ${toText(utf8(JSON.stringify(value)))}`;
  const answer = {
    payment: toText(sha256(utf8(canonicalJson(payload)))),
    purchase: `${customer.uid}/${purchase}`,
    isOnLane: true,
    status: 200,
    headers: [],
    at: Date.UTC(2027, 0, 1),
    sku: "GET /report",
    body: utf8("The whole report.\n"),
  } as const;
  const receipt = {
    status: "success",
    method: "lepta",
    timestamp: "2027-01-01T00:00:01.000Z",
    reference: purchase,
  } as const;

  return {
    name: "http",
    terms: [termsOf(report), termsOf(ask)],
    badTerms: badTerms(report),
    secretHex: hex(secret),
    challenges: [
      challengeOf("session, with a nonce in opaque and a description", session),
      challengeOf("session for a metered route, bound to a body", metered),
      challengeOf("charge", bare),
      challengeOf("no expires: its slot stays, empty", { ...forever, id: challengeId(secret, forever) }),
    ],
    contentDigests: [body, utf8(""), answer.body].map((each) => ({
      bodyHex: hex(each),
      digest: contentDigest(each),
    })),
    session: {
      customerSecretHex: hex(customerSecret),
      openingHex: hex(opening),
      lane: 3,
      scripHex: hex(idBytes(scrip)),
      originHex: hex(origin),
      sequence: 17,
      purchase,
      challengeId: session.id,
      hmacInputHex: hex(concat(utf8("lepta/1 http"), utf8(session.id), utf8(purchase))),
      payload,
      /** By which the same payment is known again. */
      payment: answer.payment,
    },
    credential: { value: credential, header: formatCredential(credential) },
    badCredentials: [
      bad("a member that no credential has", header({ ...json, more: 1 })),
      bad("two credentials", `${header(json)}, ${header(json)}`),
      bad("padded base64", `${header(json)}=`),
      bad("no challenge", header({ payload })),
      bad(
        "a parameter that no challenge has",
        header({ ...json, challenge: { ...session, header: "x-payment" } }),
      ),
      bad("a bar in a slot", header({ ...json, challenge: { ...session, realm: "shop.example|lepta" } })),
      bad(
        "a payload without a canonical spelling",
        header({ ...json, payload: { ...payload, proof: null } }),
      ),
    ],
    receipt: { value: receipt, header: formatPaymentReceipt(receipt) },
    /** What was sold, in M2: not canonical, as nobody has to make the same text again. */
    goods: { status: answer.status, bodyHex: hex(answer.body), json: goodsFor(session.id, answer).text() },
  };
}

const termsOf = (terms: Terms) => {
  const request = writeTerms(terms);
  return { json: Buffer.from(request, "base64url").toString(), request };
};

const challengeOf = (description: string, challenge: Challenge) => {
  const { realm, method, intent, request, expires = "", digest = "", opaque = "" } = challenge;
  return {
    description,
    challenge,
    hmacInput: [realm, method, intent, request, expires, digest, opaque].join("|"),
    header: formatChallenge(challenge),
  };
};

interface BadText {
  readonly description: string;
  readonly text: string;
  readonly code: ErrorCode;
}
const bad = (description: string, text: string): BadText => ({ description, text, code: "malformed" });

/** Records that are no `request` of the method, but for what is wrong like the good one. */
function badTerms(terms: Terms): readonly BadText[] {
  const good = writeTerms(terms);
  orThrow(readTerms(good));
  const json = Buffer.from(good, "base64url").toString();
  const { amount, currency, recipient, methodDetails } = JSON.parse(json);
  const all = { amount, currency, recipient, methodDetails };
  return [
    bad("members out of order", toText(utf8(JSON.stringify({ recipient, amount, currency, methodDetails })))),
    bad("white space", toText(utf8(json.replace(":", ": ")))),
    bad("an amount that is a number", encodeJson({ ...all, amount: Number(amount) })),
    bad("an amount with a leading zero", encodeJson({ ...all, amount: `0${amount}` })),
    bad("an amount of nothing", encodeJson({ ...all, amount: "0" })),
    bad("other decimals", encodeJson({ ...all, methodDetails: { ...methodDetails, decimals: 2 } })),
    bad("a currency in small letters", encodeJson({ ...all, currency: "eur" })),
    bad("a recipient that is no UID", encodeJson({ ...all, recipient: "shop" })),
    bad("a unit without its counts", encodeJson({ ...all, unitType: "token" })),
  ];
}
