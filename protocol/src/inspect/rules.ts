/** What single messages must say of what they carry, as far as they show it themselves. */
import { multiply, sameAmount } from "../amount.ts";
import { toText } from "../bytes.ts";
import { thumbprint } from "../cose/key.ts";
import { verifyCertificate, verifyRevocation, verifySealingKey } from "../credential.ts";
import type { Opened } from "../envelope.ts";
import { isRefusal } from "../errors.ts";
import { sha256 } from "../hash.ts";
import type { MessageType } from "../messages/define.ts";
import { type Grant, purchaseSpendCodec, type Secret, type Spend } from "../messages/parts.ts";
import type { Uid } from "../schema.ts";
import { checkGrant, readScrip, readSpend } from "../scrip.ts";
import { readAnySpend } from "./fields.ts";
import { check, judged, type Place, type Verdict, whether } from "./report.ts";
import { moment } from "./text.ts";
import { signerOf, trustOf } from "./trust.ts";

type AnyOpened = Opened<MessageType>;
type Fields = Readonly<Record<string, unknown>>;

/** The checks of what a message carries: the scrip that it grants or spends, keys, the hash of an attachment. */
export function checkRules(opened: AnyOpened, place: Place): void {
  const { type, payload } = opened;
  const fields = payload as unknown as Fields;
  for (const [name, named] of GRANTS) {
    const grant = fields[name] as Grant | undefined;
    if (grant !== undefined) check(place, named, judgeGrant(grant, opened));
  }
  if (fields.spend !== undefined) checkSpend(fields.spend as Spend, opened, place);
  if (fields.part !== undefined && opened.attachments.length > 0)
    check(place, "Broker's part", judgePart(opened, fields.part as string));
  KEY_RULES[type.name]?.(opened, place);
  if (type.name === "authorization-request")
    check(place, "Scrip promised", judgeBody(fields.scrip as Uint8Array, payload, fields.customer as Uid));
  if (type.name === "holdings-response")
    for (const [i, { grant }] of (fields.lines as readonly { readonly grant?: Grant }[]).entries())
      if (grant !== undefined) check(place, `Scrip of line ${i + 1}`, judgeGrant(grant, opened));
}

const GRANTS = [
  ["grant", "Scrip granted"],
  ["live", "Live scrip"],
  ["change", "Change granted"],
] as const;

/** Issued by the sender to whom it is for, under the secret that travelled beside it. */
function judgeGrant(grant: Grant, { type, payload, secrets }: AnyOpened): Verdict {
  const body = readScrip(grant.body);
  if (isRefusal(body)) return judged(body, "");
  const fields = payload as unknown as Fields;
  const owner = type.name === "statement" || type.name === "reversal" ? fields.customer : payload.to;
  const secret = secretFor(secrets, body.id);
  const granted = checkGrant(grant, secret, {
    kind: payload.from === payload.network ? "broker" : "vendor",
    network: payload.network,
    issuer: payload.from,
    owner: owner as Uid,
  });
  const hash = secret === undefined ? "" : ", and its CustomerSecret is the one beside it";
  return judged(granted, `issued by the sender to its owner${hash}`);
}

const secretFor = (secrets: readonly Secret[], id: string): Uint8Array | undefined =>
  secrets.find(({ scrip }) => scrip === id)?.secret;

function judgeBody(
  encoded: Uint8Array,
  { network, from }: { readonly network: Uid; readonly from: Uid },
  owner: Uid,
): Verdict {
  const body = readScrip(encoded);
  if (isRefusal(body)) return judged(body, "");
  const isRight =
    body.kind === "vendor" && body.network === network && body.issuer === from && body.owner === owner;
  return whether(isRight, "issued by the sender to the customer", "not the sender's scrip for this customer");
}

/** A spend shows scrip of its sender, issued by whom it goes to, for what the order costs. */
function checkSpend(spend: Spend, { type, payload }: AnyOpened, place: Place): void {
  const read = readAnySpend(spend);
  const body = read && readScrip(read.scrip[0]);
  if (read === undefined || body === undefined || isRefusal(body)) {
    check(place, "Spend", ["bad", "it cannot be read"]);
    return;
  }
  const { from, to, network } = payload;
  const isRight = body.owner === from && body.network === network && body.issuer === to;
  check(
    place,
    "Scrip shown",
    whether(
      isRight,
      "the sender's own, issued by the recipient",
      "not the sender's, or not the recipient's to take",
    ),
  );
  const isEnough = read.amount.currency === body.value.currency && read.amount.value <= body.value.value;
  const worth = [
    "it is worth the amount",
    "it is worth less than the amount, or of another currency",
  ] as const;
  check(place, "Worth", whether(isEnough, ...worth));
  if (type.name === "purchase-request") check(place, "Amounts", judgePrice(spend));
}

function judgePrice(spend: Spend): Verdict {
  const read = readSpend(purchaseSpendCodec, spend);
  if (isRefusal(read)) return judged(read, "");
  if (read.metered) return ["good", "a maximum, as the goods are metered"];
  const price = multiply(read.order.unitPrice, read.order.quantity);
  const isPrice = !isRefusal(price) && sameAmount(price, read.amount);
  return whether(isPrice, "the price of the order", "not the price of the order");
}

function judgePart({ attachments }: AnyOpened, part: string): Verdict {
  const [first] = attachments;
  const holds = first !== undefined && toText(sha256(first)) === part;
  return whether(holds, "the attachment is the one that is named", "the attachment is another than is named");
}

const judgeUid = (publicKey: Uint8Array, uid: Uid): Verdict =>
  whether(
    thumbprint(publicKey) === uid,
    "the thumbprint of the public key",
    "not the thumbprint of the public key",
  );

/** Messages about keys; what the whole must be like for them to be in force is judged by our clock. */
const KEY_RULES: Readonly<Record<string, (opened: AnyOpened, place: Place) => void>> = {
  enrolment: ({ payload }, place) => check(place, "UID", judgeUid(publicKeyOf(payload), payload.to)),
  "enrol-request": ({ payload }, place) => check(place, "UID", judgeUid(publicKeyOf(payload), payload.from)),
  "key-certificate": ({ payload, signed }, place) =>
    inForce(place, payload.network, (trust, now) => verifyCertificate(signed, trust, now)),
  "key-revocation": ({ payload, signed }, place) =>
    inForce(place, payload.network, (trust, now) => verifyRevocation(signed, trust, now)),
  "sealing-key": ({ payload, signed }, place) =>
    inForce(place, payload.network, async (trust, now) => {
      const key = await signerOf(place.report, payload.from, false);
      return key && verifySealingKey(signed, key, trust, now);
    }),
};

const publicKeyOf = (payload: object): Uint8Array =>
  (payload as { readonly publicKey: Uint8Array }).publicKey;

type Judge = (trust: NonNullable<Awaited<ReturnType<typeof trustOf>>>, now: number) => Promise<unknown>;

/** Of the whole only: in a credential this is part of what is said of it. */
function inForce(place: Place, network: Uid, judge: Judge): void {
  if (place.path !== "") return;
  check(place, "In force", async () => {
    const trust = await trustOf(place.report, network);
    if (trust === undefined) return ["unknown", "the root key is not at hand"];
    const { now } = place.report.context;
    if (now === undefined) return ["unknown", "no clock given"];
    const outcome = await judge(trust, now);
    if (outcome === undefined) return ["unknown", "the sender's key is not at hand"];
    return judged(outcome, `at ${moment(now)}`);
  });
}
