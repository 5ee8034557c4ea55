/** The `payload` of a credential where its method is `lepta` (docs/http.md): M1 itself, or the name of one on a lane. */
import { concat, fromText, hmacSha256, limits, type Or, refuse, toText, utf8 } from "@lepta/protocol";

/** `charge`: hello and M1 of figure 7, sealed. */
export interface ChargePayload {
  readonly hello: Uint8Array;
  readonly request: Uint8Array;
}

/** `session`: a purchase on a lane by its name, and a proof that who names it holds the lane. */
export interface SessionPayload {
  readonly purchase: string;
  /** 32 bytes: `provePayload`. */
  readonly proof: Uint8Array;
}

export type JsonPayload = Readonly<Record<string, string>>;

export const writeCharge = ({ hello, request }: ChargePayload): JsonPayload => ({
  hello: toText(hello),
  request: toText(request),
});

export const writeSession = ({ purchase, proof }: SessionPayload): JsonPayload => ({
  purchase,
  proof: toText(proof),
});

export function readCharge({
  hello,
  request,
  ...others
}: Readonly<Record<string, unknown>>): Or<ChargePayload> {
  const [greeting, purchase] = [bytesOf(hello), bytesOf(request)];
  if (greeting === undefined || purchase === undefined || Object.keys(others).length > 0) return WRONG;
  return { hello: greeting, request: purchase };
}

export function readSession({
  purchase,
  proof,
  ...others
}: Readonly<Record<string, unknown>>): Or<SessionPayload> {
  const bytes = typeof proof === "string" ? fromText(proof, 32) : undefined;
  const isName = typeof purchase === "string" && fromText(purchase, 16) !== undefined;
  if (bytes === undefined || !isName || Object.keys(others).length > 0) return WRONG;
  return { purchase, proof: bytes };
}

/** HMAC-SHA256(CustomerSecret of the lane's opening scrip, "lepta/1 http" ‖ the challenge's id ‖ the purchase's name). */
export const provePayload = (secret: Uint8Array, challengeId: string, purchase: string): Uint8Array =>
  hmacSha256(secret, concat(utf8("lepta/1 http"), utf8(challengeId), utf8(purchase)));

const WRONG = refuse("malformed", "not the payload of this intent");

function bytesOf(value: unknown): Uint8Array | undefined {
  if (typeof value !== "string" || value.length > limits.credentialLength) return undefined;
  const bytes = fromText(value, Math.floor((value.length * 3) / 4));
  return bytes === undefined || bytes.length === 0 ? undefined : bytes;
}
