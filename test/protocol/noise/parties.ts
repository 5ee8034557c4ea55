/** Two sides that shake hands, with keys and randomness that repeat themselves. */
import {
  type AgreementKey,
  type Handshake,
  isRefusal,
  type NoiseCrypto,
  orThrow,
  startHandshake,
  utf8,
} from "@lepta/protocol";
import { nodeNoise } from "../../../protocol/src/noise/node.ts";
import { webNoise } from "../../../protocol/src/noise/web.ts";
import { fixed, repeatable } from "../../vectors/parties.ts";

export type Role = "initiator" | "responder";

/** The cryptographic libraries that a handshake runs on. */
export const backEnds: readonly (readonly [string, NoiseCrypto])[] = [
  ["node:crypto", nodeNoise],
  ["WebCrypto", webNoise],
];

export const prologue = utf8("lepta/1 and a network");
export const payloads = [
  utf8("in the clear"),
  utf8("sealed by the responder"),
  utf8("by the initiator"),
] as const;

export const privateOf = (role: Role): Uint8Array => fixed(`static ${role}`);

export const ownKey = async (crypto: NoiseCrypto, role: Role): Promise<AgreementKey> =>
  await crypto.agreementKey(privateOf(role));

export const start = async (crypto: NoiseCrypto, role: Role): Promise<Handshake> =>
  startHandshake({
    role,
    prologue,
    own: await ownKey(crypto, role),
    crypto,
    random: repeatable(`ephemeral ${role}`),
  });

/** Both sides, after as many messages of their handshake. */
export async function shaken(crypto: NoiseCrypto, count: number) {
  const [initiator, responder] = [await start(crypto, "initiator"), await start(crypto, "responder")];
  const messages: Uint8Array[] = [];
  for (const [index, payload] of payloads.slice(0, count).entries()) {
    const [writer, reader] = index === 1 ? [responder, initiator] : [initiator, responder];
    const message = await writer.write(payload);
    messages.push(message);
    if (isRefusal(await reader.read(message))) throw new Error(`message ${index}`);
  }
  return { initiator, responder, messages };
}

/** What both sides have after a whole handshake. */
export async function session(crypto: NoiseCrypto) {
  const { initiator, responder } = await shaken(crypto, 3);
  return { initiator: initiator.finish(), responder: responder.finish() };
}

/** Seals and opens each in its turn. */
export const opened = async (
  { send }: Pick<Awaited<ReturnType<typeof session>>["initiator"], "send">,
  { receive }: Pick<Awaited<ReturnType<typeof session>>["initiator"], "receive">,
  plain: Uint8Array,
): Promise<Uint8Array> => orThrow(await receive.open(await send.seal(plain, 1), 1));

/** The bytes with one bit of one byte changed. */
export function altered(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << (at & 7));
  return copy;
}
