/** Scrip and what else of ours may come without a signature around it. */
import { isRefusal } from "../errors.ts";
import {
  brokerSpendCodec,
  contentCodec,
  grantCodec,
  orderCodec,
  purchaseSpendCodec,
  returnSpendCodec,
  scripCodec,
  spendCodec,
} from "../messages/parts.ts";
import { sessionHello } from "../messages/session.ts";
import { decodeAs } from "../schema.ts";
import { readScrip } from "../scrip.ts";
import { fieldOf, fieldsOf, readAnySpend, scripTitle } from "./fields.ts";
import { check, type Part, type Place } from "./report.ts";
import { readSigned } from "./signed.ts";

const NO_ISSUER = "only its issuer can check the certificate";

/** A scrip, a spend, or one of their parts; undefined where the bytes are none of them. */
export async function readScripPart(bytes: Uint8Array, place: Place): Promise<Part | undefined> {
  const body = readScrip(bytes);
  if (!isRefusal(body)) {
    check(place, "Certificate", ["unknown", "it is not here, and only its issuer could check it"]);
    return scrip(`${scripTitle(bytes)}, its body`, await fieldsOf(body, place));
  }
  const grant = decodeAs(grantCodec, bytes);
  if (!isRefusal(grant) && !isRefusal(readScrip(grant.body))) {
    check(place, "Certificate", ["unknown", NO_ISSUER]);
    return scrip(`Grant of ${scripTitle(grant.body)}`, [await fieldOf("grant", grant, place)]);
  }
  const tuple = decodeAs(scripCodec, bytes);
  if (!isRefusal(tuple) && !isRefusal(readScrip(tuple[0]))) {
    check(place, "Certificate", ["unknown", NO_ISSUER]);
    return scrip(scripTitle(tuple[0]), [await fieldOf("scrip", tuple, place)]);
  }
  const spend = decodeAs(spendCodec, bytes);
  const spent = isRefusal(spend) ? undefined : readAnySpend(spend);
  if (spent !== undefined) {
    check(place, "Proof", ["unknown", "only the scrip's issuer can check it"]);
    return scrip(`Spend of ${scripTitle(spent.scrip[0])}`, [await fieldOf("spend", spend, place)]);
  }
  for (const codec of [purchaseSpendCodec, brokerSpendCodec, returnSpendCodec]) {
    const inner = decodeAs(codec, bytes);
    if (isRefusal(inner) || isRefusal(readScrip(inner.scrip[0]))) continue;
    check(place, "Proof", ["unknown", "it is not here, and only the scrip's issuer could check it"]);
    return scrip(`Spend of ${scripTitle(inner.scrip[0])}, its body`, await fieldsOf(inner, place));
  }
  return undefined;
}

/** An order, a session's hello, or a content without its seal. */
export async function readOther(bytes: Uint8Array, place: Place): Promise<Part | undefined> {
  const order = decodeAs(orderCodec, bytes);
  if (!isRefusal(order)) return { kind: "CBOR", title: "Order", fields: await fieldsOf(order, place) };
  const content = decodeAs(contentCodec, bytes);
  if (!isRefusal(content) && content.signed[0] === SIGN1)
    return readSigned(content.signed, place, {
      secrets: content.secrets ?? [],
      attachments: content.attachments ?? [],
    });
  const hello = decodeAs(sessionHello, bytes);
  if (!isRefusal(hello))
    return { kind: "CBOR", title: "Hello of a session", fields: await fieldsOf(hello, place) };
  return undefined;
}

/** The first byte of a COSE_Sign1. */
const SIGN1 = 0xd2;

const scrip = (title: string, fields: Part["fields"]): Part => ({ kind: "scrip", title, fields });
