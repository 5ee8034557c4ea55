/** A signed message: its fields, and each check that a reader makes of one. */
import { decodeCbor } from "../cbor.ts";
import { algorithm } from "../cose/labels.ts";
import { readSign1, type Sign1 } from "../cose/sign1.ts";
import { type Beside, digestOf, isExpired, isSoundlyDated, type Opened, readMessage } from "../envelope.ts";
import { isRefusal, refuse } from "../errors.ts";
import { limits } from "../limits.ts";
import { ANYBODY, decodePayload, type MessageType } from "../messages/define.ts";
import { messageByMediaType } from "../messages/index.ts";
import type { Secret } from "../messages/parts.ts";
import type { Uid } from "../schema.ts";
import { cborField } from "./cbor.ts";
import { fieldOf, fieldsOf, secretField } from "./fields.ts";
import type { InspectedField } from "./inspection.ts";
import {
  check,
  field,
  judged,
  type Part,
  type Place,
  refused,
  type Verdict,
  whether,
  within,
} from "./report.ts";
import { checkRules } from "./rules.ts";
import { bytesText, count, moment, short } from "./text.ts";
import { addCertificate, judgeCertificate, judgeCredential, signerOf } from "./trust.ts";
import { wordsOf } from "./words.ts";

/** A COSE_Sign1, with what travelled beside it in a seal. */
export async function readSigned(bytes: Uint8Array, place: Place, beside: Beside = {}): Promise<Part> {
  const parts = readSign1(bytes);
  if (isRefusal(parts)) return readDetached(bytes, place);
  const type = messageByMediaType.get(parts.contentType);
  if (type === undefined) {
    check(place, "Type", ["bad", `no message of this protocol has the media type ${parts.contentType}`]);
    const payload = decodeCbor(parts.payload);
    const content = isRefusal(payload) ? [] : [cborField("Payload", payload, place)];
    return {
      kind: "signed message",
      title: "Signed message of no known type",
      fields: [...headOf(parts), ...content],
    };
  }
  const { title, figure } = wordsOf(type);
  const part = { kind: "signed message", title, figure, name: type.name } as const;
  const isWhole = place.path === "";
  const opened = readMessage(bytes, [type], beside) as Opened<MessageType> | ReturnType<typeof refuse>;
  if (isWhole) checkForm(parts, type, bytes.length, place);
  if (isRefusal(opened)) {
    check(place, isWhole ? "Fields" : "Form", refused(opened));
    const payload = decodeCbor(parts.payload);
    const content = isRefusal(payload) ? [] : [cborField("Payload", payload, place)];
    return { ...part, fields: [...content, ...headOf(parts)] };
  }
  check(place, isWhole ? "Fields" : "Form", ["good", "all there, each in its shape, and none besides"]);
  if (type.name === "key-certificate") addCertificate(place.report, bytes);
  checkWho(opened, place, isWhole);
  const inside = { ...place, signedAt: opened.payload.issuedAt };
  const fields = [
    ...(await fieldsOf(opened.payload, inside)),
    ...(await besideOf(opened, inside)),
    field("Digest", opened.digest, { note: "SHA-256 of what is signed" }),
    ...headOf(parts),
  ];
  checkRules(opened, inside);
  return { ...part, fields };
}

/** A signature whose payload travels elsewhere, or no COSE_Sign1 at all. */
function readDetached(bytes: Uint8Array, place: Place): Part {
  const parts = readSign1(bytes, NOTHING);
  if (!isRefusal(parts)) {
    check(place, "Signature", ["unknown", "what it is over stands elsewhere"]);
    return { kind: "signed message", title: "Signature without what it is over", fields: headOf(parts) };
  }
  const whole = readSign1(bytes);
  check(place, "Structure", isRefusal(whole) ? refused(whole) : refused(parts));
  const item = decodeCbor(bytes);
  return {
    kind: "CBOR",
    title: "CBOR that is no message of this protocol",
    fields: isRefusal(item) ? [] : [cborField("Content", item, place)],
  };
}

const NOTHING = new Uint8Array(0);

const headOf = (parts: Sign1): readonly InspectedField[] => [
  field("Signed under the key", parts.kid, { note: short(parts.kid) }),
  field("Algorithm", ALGORITHMS[parts.alg] ?? `algorithm ${parts.alg}`),
  field("Signature", bytesText(parts.signature), { note: count(parts.signature.length, "byte") }),
];

const ALGORITHMS: Readonly<Record<number, string>> = {
  [algorithm.es256]: "ES256 (ECDSA on P-256 with SHA-256)",
  [algorithm.rs1]: "RS1 (RSA with SHA-1), of the suite figure-4",
};

/** What is told of the whole one by one, and of a part in one line. */
function checkForm(parts: Sign1, type: MessageType, length: number, place: Place): void {
  const most = type.limit + limits.signatureBytes;
  check(place, "Structure", ["good", "a COSE_Sign1 with a protected header of algorithm, type and key"]);
  check(place, "Type", ["good", type.mediaType]);
  const sizes = `${length.toLocaleString("en")} of ${count(most, "byte")} at most`;
  check(place, "Size", whether(length <= most && parts.payload.length <= type.limit, sizes, sizes));
  const name = ALGORITHMS[parts.alg];
  const suite = place.report.context.suite?.name ?? "default";
  const isOfSuite = parts.alg === algorithm.es256 || (parts.alg === algorithm.rs1 && suite === "figure-4");
  check(place, "Algorithm", whether(isOfSuite, name ?? "", name ?? `algorithm ${parts.alg} is none of ours`));
}

/** Signer, network, recipient, time and signature. */
function checkWho(opened: Opened<MessageType>, place: Place, isWhole: boolean): void {
  const { type, payload, sign1 } = opened;
  const { report } = place;
  const { author, reader } = wordsOf(type);
  const { network, from, to } = payload;
  if (isWhole || from !== expectedFrom(opened)) check(place, "Signer", judgeSigner(opened));
  const known = report.context.network;
  if (isWhole || (known !== undefined && network !== known))
    check(place, "Network", judgeNetwork(network, known));
  if (isWhole) {
    check(place, "Recipient", judgeRecipient(reader, to, network, report.context.recipient));
    check(place, "Time", judgeTime(payload, report.context.now));
  }
  check(place, "Signature", () => judgeSignature(opened, place));
  if (Array.isArray(author))
    check(place, "Broker's key", () =>
      judgeCertificate(report, [sign1.kid, author], network, payload.issuedAt),
    );
  else if (author === "peer" && isWhole && type.name !== "enrol-request" && type.name !== "sealing-key")
    check(place, "Sender's credential", () => {
      const bytes = report.credentials.get(sign1.kid);
      if (bytes === undefined) return ["unknown", "the sender's credential is not at hand"];
      return judgeCredential(report, bytes, network, payload.issuedAt);
    });
}

/** Whom a message of this type must be from, as far as it says so itself. */
function expectedFrom({ type, payload, sign1 }: Opened<MessageType>): Uid {
  if (wordsOf(type).author !== "peer") return payload.network;
  // The customer signs the merchant's words.
  return "customer" in payload && type.name === "statement" && sign1.kid === payload.customer
    ? payload.from
    : sign1.kid;
}

function judgeSigner(opened: Opened<MessageType>): Verdict {
  const { type, payload, sign1 } = opened;
  const { author } = wordsOf(type);
  if (payload.from !== expectedFrom(opened))
    return ["bad", author === "peer" ? "the key's id is not the sender's UID" : "not from the broker"];
  if (author === "root")
    return whether(sign1.kid === payload.network, "the root key", "not signed under the root key");
  return ["good", author === "peer" ? "the key's id is the sender's UID" : "from the broker"];
}

function judgeNetwork(network: Uid, known: Uid | undefined): Verdict {
  if (known === undefined) return ["unknown", `no network given; the message is of ${network}`];
  return whether(network === known, "the one that was given", `another one: ${network}`);
}

function judgeRecipient(reader: string, to: Uid, network: Uid, self: Uid | undefined): Verdict {
  if (reader === "network")
    return whether(to === network, "the network", `for ${to}, and such a message is for the network`);
  if (reader === "anybody" && to === ANYBODY) return ["good", "anybody"];
  if (self === undefined) return ["unknown", `for ${to}; who reads it was not said`];
  return whether(to === self, "the reader", `for somebody else: ${to}`);
}

function judgeTime(
  payload: { readonly issuedAt: number; readonly expiresAt?: number },
  now: number | undefined,
): Verdict {
  // A clock that is far ahead leaves only what needs no clock.
  if (!isSoundlyDated(payload, now ?? Number.MAX_SAFE_INTEGER))
    return refused(refuse("future-dated", `signed at ${moment(payload.issuedAt)}`));
  if (now === undefined) return ["unknown", "no clock given"];
  const { expiresAt } = payload;
  if (expiresAt === undefined) return ["good", "not ahead of our clock; it never expires"];
  const ends = moment(expiresAt);
  return isExpired({ expiresAt }, now)
    ? refused(refuse("expired", `at ${ends}`))
    : ["good", `valid until ${ends}`];
}

async function judgeSignature({ sign1, type }: Opened<MessageType>, { report }: Place): Promise<Verdict> {
  const isRoot = wordsOf(type).author === "root";
  const key = await signerOf(report, sign1.kid, isRoot);
  if (key === undefined) return ["unknown", `the key ${short(sign1.kid)} of the signer is not at hand`];
  if (!report.mayVerify()) return ["unknown", "too many signatures to check here"];
  const holds = key.alg === sign1.alg && (await key.verify(sign1.toBeSigned, sign1.signature));
  return whether(
    holds,
    `holds under the key ${short(sign1.kid)}`,
    "does not hold: altered, or signed by another key",
  );
}

/** What travelled beside it in the seal. */
async function besideOf(opened: Opened<MessageType>, place: Place): Promise<readonly InspectedField[]> {
  const { secrets, attachments } = opened;
  const fields: InspectedField[] = [];
  if (secrets.length > 0)
    fields.push(
      field("Secrets beside it", count(secrets.length, "item"), {
        fields: await Promise.all(secrets.map((secret, i) => secretOf(String(i + 1), secret, place))),
      }),
    );
  for (const [i, bytes] of attachments.entries()) {
    const name = `Attachment ${i + 1}`;
    const inner = within(place, name);
    if (inner.depth > limits.inspectedDepth) {
      check(inner, "Content", ["unknown", "it stands deeper than is looked at"]);
      continue;
    }
    const part = await place.report.read(bytes, inner);
    fields.push(field(name, part.title, { note: count(bytes.length, "byte"), fields: part.fields }));
  }
  return fields;
}

async function secretOf(
  name: string,
  { scrip, secret, spentBy }: Secret,
  place: Place,
): Promise<InspectedField> {
  const what =
    secret === undefined
      ? await fieldOf("spentBy", spentBy, place)
      : secretField("CustomerSecret", secret.length);
  return field(name, `of the scrip ${scrip}`, { fields: [what] });
}

/** A payload that nobody has signed. */
export async function readUnsigned(bytes: Uint8Array, type: MessageType, place: Place): Promise<Part> {
  const { title, figure } = wordsOf(type);
  const payload = decodePayload(type, bytes);
  check(place, "Fields", judged(payload, "all there, each in its shape, and none besides"));
  check(place, "Signature", ["bad", "nobody has signed it"]);
  const item = decodeCbor(bytes);
  const digest = field("Digest", digestOf(bytes), { note: "SHA-256 of what would be signed" });
  const fields = isRefusal(payload)
    ? [isRefusal(item) ? field("Content", "not CBOR") : cborField("Content", item, place)]
    : await fieldsOf(payload, place);
  return { kind: "CBOR", title: `${title}, not signed`, figure, fields: [...fields, digest] };
}
