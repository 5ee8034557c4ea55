/** Everything that a recording holds, taken apart: sealed messages, what was signed in them, and what was in that. */
import {
  isRefusal,
  type KeyRing,
  type MessageType,
  messages,
  type Opened,
  openMessage,
  readMessage,
  type Secret,
  sha256,
  toText,
} from "@lepta/protocol";
import type { Exchange } from "./record.ts";

/** A signed message and what went with it. */
export interface Piece {
  /** SHA-256 of the signed bytes. */
  readonly id: string;
  readonly type: MessageType;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly signed: Uint8Array;
  readonly secrets: readonly Secret[];
  readonly attachments: readonly Uint8Array[];
  /** The seal in which it was met first. */
  readonly sealed: Uint8Array | undefined;
}

export interface Pieces {
  /** What was on the wire, or sealed inside something that was: by their own bytes. */
  readonly sealed: ReadonlyMap<string, Uint8Array>;
  readonly signed: ReadonlyMap<string, Piece>;
}

/** Opens all that any of the keys opens, as deep as it goes. */
export async function takeApart(exchanges: readonly Exchange[], ring: KeyRing): Promise<Pieces> {
  const sealed = new Map<string, Uint8Array>();
  const signed = new Map<string, Piece>();

  const take = async (bytes: Uint8Array): Promise<void> => {
    const id = toText(sha256(bytes));
    if (sealed.has(id) || signed.has(id)) return;
    const plain = readMessage(bytes, messages);
    if (!isRefusal(plain)) return keep(plain, undefined);
    const opened = await openMessage(bytes, messages, ring);
    if (isRefusal(opened)) return;
    sealed.set(id, bytes);
    return keep(opened, bytes);
  };
  const keep = async (message: Opened<MessageType>, seal: Uint8Array | undefined): Promise<void> => {
    const id = toText(sha256(message.signed));
    if (signed.has(id)) return;
    const { type, secrets, attachments } = message;
    const payload = message.payload as Readonly<Record<string, unknown>>;
    signed.set(id, { id, type, payload, signed: message.signed, secrets, attachments, sealed: seal });
    for (const each of attachments) await take(each);
    for (const each of bytesIn(Object.values(payload))) await take(each);
  };

  for (const { request, answers } of exchanges) for (const bytes of [request, ...answers]) await take(bytes);
  return { sealed, signed };
}

function bytesIn(values: readonly unknown[]): readonly Uint8Array[] {
  return values.flatMap((value) => {
    if (value instanceof Uint8Array) return [value];
    return Array.isArray(value) ? bytesIn(value) : [];
  });
}
