/** The challenge of the `Payment` authentication scheme of HTTP (draft-httpauth-payment-00), in `WWW-Authenticate`. */
import { equalBytes, hmacSha256, isRefusal, limits, type Or, refuse, toText, utf8 } from "@lepta/protocol";
import { decodeJson, encodeJson } from "./json-text.ts";
import { readSchemes, type Scheme } from "./schemes.ts";

export const SCHEME = "Payment";

export interface Challenge {
  /** What binds the challenge to its contents: `challengeId`. */
  readonly id: string;
  readonly realm: string;
  readonly method: string;
  readonly intent: string;
  /** base64url of canonical JSON, as it was sent. */
  readonly request: string;
  /** RFC 3339. */
  readonly expires?: string;
  /** Of the request's body: `contentDigest`. */
  readonly digest?: string;
  /** For people. It is not bound. */
  readonly description?: string;
  /** The server's own, brought back as it is. */
  readonly opaque?: string;
}

/** What the id binds. */
export type ChallengeSlots = Omit<Challenge, "id" | "description">;

/** base64url of an HMAC-SHA256 over the seven slots, empty ones kept. Throws where a slot holds the bar that parts them. */
export function challengeId(secret: Uint8Array, slots: ChallengeSlots): string {
  const { realm, method, intent, request, expires = "", digest = "", opaque = "" } = slots;
  const all = [realm, method, intent, request, expires, digest, opaque];
  // With a bar inside a slot two challenges could have one id.
  if (all.some((slot) => slot.includes("|"))) throw new TypeError("a bar in a slot of a challenge");
  return toText(hmacSha256(secret, utf8(all.join("|"))));
}

/** Whether this secret made the challenge as it stands, but for its description; in time that tells nothing of the id. */
export const isBound = (secret: Uint8Array, challenge: Challenge): boolean =>
  equalBytes(utf8(challenge.id), utf8(challengeId(secret, challenge)));

/** The value of a `WWW-Authenticate` header. Throws where a text cannot stand in one. */
export function formatChallenge(challenge: Challenge): string {
  const parts = NAMES.flatMap((name) => {
    const value = challenge[name];
    return value === undefined ? [] : [`${name}=${quoted(value)}`];
  });
  return `${SCHEME} ${parts.join(", ")}`;
}

/**
 * The challenges of our scheme in a `WWW-Authenticate` header, or in several that were joined, whatever schemes stand beside
 * them. What is not a whole challenge is left out, and so is one that wants its credential in another header than
 * `Authorization`: ours would go where nobody reads it.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  if (header.length > limits.challengesLength) return [];
  return readSchemes(header).flatMap((scheme) => {
    if (scheme.name !== SCHEME.toLowerCase()) return [];
    const challenge = challengeOf(scheme);
    return challenge === undefined ? [] : [challenge];
  });
}

/** The `request` parameter of a challenge. Throws where the record holds what canonical JSON of ours may not. */
export const encodeRequest = (request: object): string => encodeJson(request);

/** The record in a `request` parameter, or `malformed`: also where it is not in its only spelling, which every reader reads alike. */
export function decodeRequest(text: string): Or<Readonly<Record<string, unknown>>> {
  const request = decodeJson(text, limits.credentialLength);
  if (isRefusal(request)) return request;
  return isCanonical(request, text) ? request : refuse("malformed", "not canonical JSON");
}

/** Whether the members of a record are those of a challenge, by name, type and shape. */
export function isChallenge(value: object): value is Challenge {
  return (
    Object.entries(value).every(
      ([name, text]) => KNOWN.has(name) && typeof text === "string" && !CONTROLS.test(text),
    ) &&
    REQUIRED.every((name) => Object.hasOwn(value, name) && (value as Challenge)[name] !== "") &&
    METHOD.test((value as Challenge).method)
  );
}

const REQUIRED = ["id", "realm", "method", "intent", "request"] as const;
const NAMES = [...REQUIRED, "expires", "digest", "description", "opaque"] as const;
const KNOWN: ReadonlySet<string> = new Set(NAMES);
/** What stands in quotes as it is: nearly everything. */
const PLAIN = /^[\u0020\u0021\u0023-\u005b\u005d-\u007e]*$/;
const METHOD = /^[a-z][a-z0-9:_-]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/;

function challengeOf({ parameters }: Scheme): Challenge | undefined {
  if (parameters === undefined) return undefined;
  const wanted = parameters.get("header") ?? "authorization";
  if (wanted.toLowerCase() !== "authorization") return undefined;
  const challenge = Object.fromEntries(NAMES.flatMap((name) => pairOf(parameters, name)));
  return isChallenge(challenge) ? challenge : undefined;
}

function pairOf(parameters: ReadonlyMap<string, string>, name: string): readonly [string, string][] {
  const value = parameters.get(name);
  return value === undefined ? [] : [[name, value]];
}

/** A quoted string of ASCII alone: what is beyond it is written as mppx writes it, by UTF-16 units. */
function quoted(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (CONTROLS.test(text)) throw new TypeError("a control character in a challenge");
  if (!text.isWellFormed()) throw new TypeError("half a surrogate pair in a challenge");
  const escaped = text
    .replace(/["\\]/g, "\\$&")
    .replace(/[^\u0020-\u007e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return `"${escaped}"`;
}

function isCanonical(request: object, text: string): boolean {
  try {
    return encodeJson(request) === text;
  } catch {
    // It holds what canonical JSON of ours may not: the other side's fault.
    return false;
  }
}
