/**
 * Writes one vector file per type of message, and one for what stands in headers of HTTP. ECDSA signatures differ each time they are made, so a file is kept as it
 * is while the bytes that are signed and what its messages are judged by stay the same: a changed file is a changed
 * format.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import {
  type Draft,
  digestOf,
  encodeCbor,
  encodePayload,
  idBytes,
  isRefusal,
  limits,
  type MessageType,
  messages,
  type Signed,
  sealMessage,
  signMessage,
  Tagged,
  toText,
} from "@lepta/protocol";
import { makeHttpVector } from "./http.ts";
import { type Party, repeatable, stranger } from "./parties.ts";
import { type Made, type Sample, samples } from "./samples.ts";
import {
  type Bad,
  type Example,
  exampleOf,
  fromHex,
  hex,
  makeJudge,
  referenceFields,
  sign1Items,
  type Vector,
} from "./vector.ts";

const examples = new Map<MessageType, Example>();
const made: Made = (type) => {
  const example = examples.get(type);
  if (example === undefined) throw new TypeError(`${type.name} stands later in the list of samples`);
  return example;
};

for (const type of messages)
  if (!samples.some((each) => each.type === type)) throw new TypeError(`${type.name} has no sample`);

let written = 0;
for (const sample of samples) if (await produce(sample)) written += 1;
writeFileSync(new URL("http.json", import.meta.url), `${JSON.stringify(await makeHttpVector(), null, 2)}\n`);
console.log(`${written} of ${samples.length} vectors of messages written, the others kept.`);

/** Whether the sample's file had to be written. */
async function produce(sample: Sample): Promise<boolean> {
  const file = new URL(`${sample.type.name}.json`, import.meta.url);
  const draft = await sample.draft(made);
  const kept = existsSync(file)
    ? await keep(JSON.parse(readFileSync(file, "utf8")), sample, draft)
    : undefined;
  const vector = kept ?? (await makeVector(sample, draft));
  if (kept === undefined) writeFileSync(file, `${JSON.stringify(vector, null, 2)}\n`);
  examples.set(sample.type, await exampleOf(vector));
  return kept === undefined;
}

/** The file as it stands, where nothing has changed that it would show. */
async function keep(vector: Vector, sample: Sample, draft: Draft<MessageType>): Promise<Vector | undefined> {
  const { good: _good, bad: _bad, ...frame } = vector;
  if (JSON.stringify(frame) !== JSON.stringify(frameOf(sample, draft))) return undefined;
  if (vector.good.payloadHex !== hex(encodePayload(sample.type, draft))) return undefined;
  const { judge } = await makeJudge(vector);
  return isRefusal(await judge(fromHex(vector.good.hex))) ? undefined : vector;
}

function frameOf({ type, signer, recipient, counterSigner }: Sample, draft: Draft<MessageType>) {
  const fields = draft as unknown as Readonly<Record<string, unknown>>;
  const field = referenceFields.find((each) => fields[each] !== undefined) ?? "txn";
  return {
    name: type.name,
    mediaType: type.mediaType,
    kind: type.kind,
    network: draft.network,
    from: draft.from,
    to: draft.to,
    now: draft.issuedAt,
    keys: {
      signer: { kid: signer.uid, publicKey: hex(signer.signing.publicKey) },
      recipient: recipient ? { kid: recipient.opening.id, privateKey: hex(recipient.openingBytes) } : null,
      ...(counterSigner
        ? { counterSigner: { kid: counterSigner.uid, publicKey: hex(counterSigner.signing.publicKey) } }
        : {}),
    },
    reference: { field, value: String(fields[field]) },
  };
}

async function makeVector(sample: Sample, draft: Draft<MessageType>): Promise<Vector> {
  const { type, signer, recipient, counterSigner } = sample;
  const frame = frameOf(sample, draft);
  const sign = (change: object, by: Party = signer) =>
    signMessage(type, { ...draft, ...change } as Draft<MessageType>, by.signing, signer.uid);
  const travel = async (signed: Pick<Signed<MessageType>, "type" | "bytes">, label: string) =>
    recipient
      ? sealMessage(signed, recipient.sealing, repeatable(`${type.name} ${label}`), sample.beside(made))
      : signed.bytes;
  const bad = async (
    label: string,
    description: string,
    code: Bad["code"],
    signed: Pick<Signed<MessageType>, "type" | "bytes">,
  ): Promise<Bad> => ({
    description: `${label}: ${description}`,
    hex: hex(await travel(signed, label)),
    code,
  });

  const good = await sign({});
  const { payload } = sign1Items(good.bytes);
  const counter = counterSigner && (await signMessage(type, draft, counterSigner.signing, counterSigner.uid));
  const { field, value } = frame.reference;
  const stale =
    type.kind === "request"
      ? await bad(
          "stale",
          "expires at the very moment at which it is read",
          "expired",
          await sign({ issuedAt: frame.now - 1000, expiresAt: frame.now }),
        )
      : await bad(
          "stale",
          "dated one millisecond further ahead than clocks may differ (this message never expires)",
          "future-dated",
          await sign({ issuedAt: frame.now + limits.clockSkew + 1 }),
        );
  return {
    ...frame,
    good: {
      description: recipient ? "signed and sealed" : "signed; never sealed by itself",
      hex: hex(await travel(good, "good")),
      payloadHex: hex(payload),
      digest: digestOf(payload),
      ...(counter ? { counterSignedHex: hex(counter.bytes) } : {}),
    },
    bad: [
      await bad(
        "wrong recipient",
        "signed for somebody else",
        "wrong-recipient",
        await sign({ to: stranger.uid }),
      ),
      await bad(
        "wrong signer",
        "signed by another key under the sender's key id",
        "unauthentic",
        await sign({}, stranger),
      ),
      stale,
      await bad("altered", "one bit of txn flipped after signing", "unauthentic", {
        type,
        bytes: alterTxn(good.bytes, draft, type),
      }),
      await bad(
        "wrong reference",
        `names another ${field}`,
        "wrong-reference",
        await sign({ [field]: other(value) }),
      ),
    ],
  };
}

/** The identifier with its first bit flipped. */
function other(id: string): string {
  const bytes = idBytes(id);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return toText(bytes);
}

/** The signed message with another txn and its signature as it was. */
function alterTxn(signed: Uint8Array, draft: Draft<MessageType>, type: MessageType): Uint8Array {
  const { protectedHeader, signature } = sign1Items(signed);
  const payload = encodePayload(type, { ...draft, txn: other(draft.txn) });
  return encodeCbor(new Tagged(18, [protectedHeader, new Map(), payload, signature]));
}
