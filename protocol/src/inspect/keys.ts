/** Credentials, the broker's list of keys, and single public keys. */
import { decodeKey, thumbprint } from "../cose/key.ts";
import { readMessage } from "../envelope.ts";
import { isRefusal } from "../errors.ts";
import { brokerKeysCodec, credentialCodec, enrolment } from "../messages/keys.ts";
import { decodeAs } from "../schema.ts";
import { fieldsOf } from "./fields.ts";
import { check, field, type Part, type Place, refused, type Verdict, whether } from "./report.ts";
import { bytesText, count, short } from "./text.ts";
import { addCertificate, addCredential, judgeCredential } from "./trust.ts";

/** A credential, or undefined where the bytes are none. */
export async function readCredential(bytes: Uint8Array, place: Place): Promise<Part | undefined> {
  const parts = decodeAs(credentialCodec, bytes);
  if (isRefusal(parts)) return undefined;
  addCredential(place.report, bytes);
  const enrolled = readMessage(parts.enrolment, [enrolment]);
  check(place, "Form", ["good", "enrolment, sealing key and certificate"]);
  if (!isRefusal(enrolled)) {
    const { network } = enrolled.payload;
    const { now, network: known } = place.report.context;
    if (place.path === "") check(place, "Network", judgeNetwork(network, known));
    check(place, "Chain to the root", () =>
      judgeCredential(place.report, bytes, network, place.signedAt ?? now),
    );
  }
  const title = isRefusal(enrolled) ? "Credential" : `Credential of ${short(enrolled.payload.to)}`;
  return { kind: "credential", title, fields: await fieldsOf(parts, place) };
}

/** An answer to GET /keys. */
export async function readKeyList(bytes: Uint8Array, place: Place): Promise<Part | undefined> {
  const list = decodeAs(brokerKeysCodec, bytes);
  if (isRefusal(list)) {
    check(place, "Fields", refused(list));
    return undefined;
  }
  const { report } = place;
  report.addKey(list.rootKey);
  for (const certificate of list.certificates) addCertificate(report, certificate);
  check(place, "Fields", ["good", "all there, each in its shape, and none besides"]);
  check(place, "Root key", judgeNetwork(thumbprint(list.rootKey), report.context.network));
  const unit = `${list.unit} millionths of ${list.currency}`;
  const { unit: _, ...rest } = list;
  const fields = [...(await fieldsOf(rest, place)), field("Smallest unit paid", unit)];
  return { kind: "key list", title: "The broker's list of keys", fields };
}

/** A COSE_Key of one of our kinds, or undefined. */
export function readKey(bytes: Uint8Array, { report }: Place): Part | undefined {
  const key = decodeKey(bytes);
  if (isRefusal(key)) return undefined;
  report.addKey(bytes);
  const id = thumbprint(bytes);
  const numbers = key.type === "rsa" ? { n: key.n, e: key.e } : { x: key.x };
  return {
    kind: "CBOR",
    title: `Public key (${TYPES[key.type]})`,
    name: "key",
    fields: [
      field("Thumbprint", id, { note: short(id) }),
      ...Object.entries(numbers).map(([name, value]) =>
        field(name, bytesText(value), { note: count(value.length, "byte") }),
      ),
    ],
  };
}

const TYPES = { p256: "P-256", x25519: "X25519", rsa: "RSA" } as const;

function judgeNetwork(network: string, known: string | undefined): Verdict {
  if (known === undefined) return ["unknown", `no network given; it is of ${network}`];
  return whether(network === known, "the network that was given", `of another network: ${network}`);
}
