/** A statement with the signatures over it, each or one of them. */

import { isSoundlyDated } from "../envelope.ts";
import { isRefusal, refuse } from "../errors.ts";
import type { SignedStatement } from "../messages/signed-statement.ts";
import type { Uid } from "../schema.ts";
import { checkGrant, readScrip } from "../scrip.ts";
import { openStatement, type Statement, verifyStatementBy } from "../statement.ts";
import { fieldsOf } from "./fields.ts";
import { check, field, judged, type Part, type Place, refused, type Verdict, whether } from "./report.ts";
import { bytesText, count, moment, short } from "./text.ts";
import { signerOf } from "./trust.ts";

/** A signed-statement that was decoded. */
export async function readSignedStatement(signed: SignedStatement, place: Place): Promise<Part> {
  const read = openStatement(signed);
  const part = {
    kind: "statement",
    title: "Statement over a lane with its signatures",
    name: "statement",
  } as const;
  if (isRefusal(read)) {
    check(place, "Fields", refused(read));
    return {
      ...part,
      fields: [field("Statement", "not a statement", { note: count(signed.statement.length, "byte") })],
    };
  }
  const { payload, digest } = read;
  check(place, "Fields", ["good", "all there, each in its shape, and none besides"]);
  checkWhole(payload, place);
  const sides = [
    ["Merchant's signature", signed.merchant, payload.from],
    ["Customer's signature", signed.customer, payload.customer],
  ] as const;
  for (const [name, signature, uid] of sides)
    check(place, name, () => judgeSide(signed.statement, signature, uid, place));
  return {
    ...part,
    fields: [
      ...(await fieldsOf(payload, place)),
      field("Digest", digest, { note: "SHA-256 of what is signed" }),
      ...sides.map(([name, signature]) =>
        signature === undefined
          ? field(name, "missing")
          : field(name, bytesText(signature), { note: count(signature.length, "byte") }),
      ),
    ],
  };
}

/** Whether this side has signed these bytes. */
export async function judgeSide(
  payload: Uint8Array,
  signature: Uint8Array | undefined,
  uid: Uid,
  { report }: Place,
): Promise<Verdict> {
  if (signature === undefined) return ["bad", "missing: the statement binds the other side alone"];
  const key = await signerOf(report, uid, false);
  if (key === undefined) return ["unknown", `the key ${short(uid)} of the signer is not at hand`];
  if (!report.mayVerify()) return ["unknown", "too many signatures to check here"];
  return judged(await verifyStatementBy(payload, signature, key), `holds under the key ${short(uid)}`);
}

function checkWhole(payload: Statement, place: Place): void {
  const { network, to, from, customer, total, remaining, issuedAt } = payload;
  const { now, network: known } = place.report.context;
  if (place.path === "" || (known !== undefined && network !== known)) {
    const isRight = known === undefined ? undefined : network === known;
    if (isRight === undefined) check(place, "Network", ["unknown", `no network given; it is of ${network}`]);
    else check(place, "Network", whether(isRight, "the one that was given", `another one: ${network}`));
  }
  if (to !== network)
    check(place, "Recipient", refused(refuse("wrong-recipient", "a statement is for the network")));
  if (from === customer) check(place, "Parties", refused(refuse("same-party")));
  check(
    place,
    "Currency",
    whether(total.currency === remaining.currency, "one for both sums", "the sums are in two currencies"),
  );
  if (place.path === "")
    check(
      place,
      "Time",
      now === undefined
        ? ["unknown", "no clock given"]
        : whether(
            isSoundlyDated({ issuedAt }, now),
            "not ahead of our clock",
            `ahead of our clock: ${moment(issuedAt)}`,
          ),
    );
  if (payload.change === undefined) return;
  const body = readScrip(payload.change.body);
  const parties = { kind: "vendor", network, issuer: from, owner: customer, value: remaining } as const;
  check(
    place,
    "Change granted",
    isRefusal(body)
      ? refused(body)
      : judged(
          checkGrant(payload.change, undefined, parties),
          "what remains, issued by the merchant to the customer",
        ),
  );
}
