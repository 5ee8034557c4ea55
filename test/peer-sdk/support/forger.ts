/**
 * Messages on their way, opened with their recipient's key, changed, and signed again with their sender's: what only a
 * party that lies can make. Nothing about them is wrong but what they say.
 */
import { brokerFor } from "@lepta/lambdas";
import {
  type Draft,
  encodeAs,
  type Grant,
  isRefusal,
  type MessageType,
  openMessage,
  orThrow,
  type Payload,
  readMessage,
  readScrip,
  type ScripBody,
  type Secret,
  type SigningKey,
  scripBodyCodec,
  sealMessage,
  signMessage,
} from "@lepta/protocol";
import type { Hand } from "./hand.ts";
import type { World } from "./world.ts";

/** What a message says, and what travels beside it. */
export interface Content<M extends MessageType> {
  readonly payload: Payload<M>;
  readonly secrets: readonly Secret[];
  readonly attachments: readonly Uint8Array[];
}

/** What is said instead; a field that is `undefined` is left out. */
export interface Lie {
  readonly payload?: Readonly<Record<string, unknown>>;
  readonly secrets?: readonly Secret[];
  readonly attachments?: readonly Uint8Array[];
  /** Who signs it, where that is not the one who should. */
  readonly by?: SigningKey;
  /** Under whose name it is signed, where that is not the signer's. */
  readonly kid?: string;
}

export type Liar<M extends MessageType> = (honest: Content<M>) => Lie | Promise<Lie>;

/** The broker's operational key for a purpose. */
export async function brokerKey(
  { wiring }: World,
  purpose: "decide" | "acknowledge" = "decide",
): Promise<SigningKey> {
  const { signing } = await brokerFor(wiring, purpose).custody.keys();
  return signing.key;
}

/** A sealed message of this type with the lie in place of the truth; other bytes as they are. */
export async function forge<M extends MessageType>(
  bytes: Uint8Array,
  type: M,
  { party }: Hand,
  key: SigningKey,
  liar: Liar<M>,
): Promise<Uint8Array> {
  const { identity, suite, runtime } = party;
  const { opening } = identity;
  const opened = await openMessage(bytes, [type], (kid) => (kid === opening.id ? opening : undefined));
  if (isRefusal(opened)) return bytes;
  const { payload, secrets, attachments } = opened as unknown as Content<M>;
  const lie = await liar({ payload, secrets, attachments });
  const message = await signMessage(type, merged(payload, lie), lie.by ?? key, lie.kid);
  const sealingKey = orThrow(await suite.sealingKey(opening.publicKey));
  return sealMessage(message, sealingKey, runtime.random, { secrets, attachments, ...lie });
}

/** A signed message with other fields, signed again. */
export async function resign<M extends MessageType>(
  bytes: Uint8Array,
  type: M,
  key: SigningKey,
  payload: Readonly<Record<string, unknown>>,
): Promise<Uint8Array> {
  const opened = orThrow(readMessage(bytes, [type]));
  return (await signMessage(type, merged(opened.payload as Payload<M>, { payload }), key)).bytes;
}

/** A grant of another scrip under the same secret. Whoever gets it cannot check the certificate. */
export function regrant(grant: Grant | undefined, change: Partial<ScripBody>): Grant {
  if (grant === undefined) throw new Error("nothing was granted");
  return { ...grant, body: encodeAs(scripBodyCodec, { ...orThrow(readScrip(grant.body)), ...change }) };
}

const merged = <M extends MessageType>(payload: Payload<M>, lie: Lie): Draft<M> =>
  ({ ...payload, ...lie.payload }) as unknown as Draft<M>;
