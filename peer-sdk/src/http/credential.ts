/** The credential of the `Payment` authentication scheme of HTTP, in `Authorization`. */
import { isRefusal, limits, type Or, refuse } from "@lepta/protocol";
import { type Challenge, isChallenge, SCHEME } from "./challenge.ts";
import { canonicalJson } from "./jcs.ts";
import { decodeJson, encodeJson, isRecord } from "./json-text.ts";
import { readSchemes } from "./schemes.ts";

export interface Credential {
  /** Every parameter as it came. */
  readonly challenge: Challenge;
  /** Who pays, where the method names it. */
  readonly source?: string;
  /** The method's proof, whose shape is the method's matter. */
  readonly payload: Readonly<Record<string, unknown>>;
}

/** The value of an `Authorization` header. Throws where the payload holds what canonical JSON of ours may not, or `too-large`. */
export function formatCredential({ challenge, source, payload }: Credential): string {
  return `${SCHEME} ${encodeJson({ challenge, payload, ...(source === undefined ? {} : { source }) })}`;
}

/**
 * The credential in an `Authorization` header, whatever schemes stand beside it; undefined where there is none of ours;
 * `malformed` where there are two, or where one cannot be read, names what no challenge has, has a payload that canonical JSON of
 * ours may not hold, or is longer than `credentialLength`. Whether the challenge is ours is not asked here.
 */
export function readCredential(header: string | null | undefined): Or<Credential> | undefined {
  if (header === null || header === undefined) return undefined;
  if (header.length > limits.credentialLength) return refuse("malformed", "longer than a credential may be");
  const [scheme, second] = readSchemes(header).filter(({ name }) => name === SCHEME.toLowerCase());
  // What cannot be read as a header at all, and begins as ours, is a credential that is broken and not one that is missing.
  if (scheme === undefined) return OURS.test(header) ? refuse("malformed", "not a token") : undefined;
  if (second !== undefined) return refuse("malformed", "two credentials");
  if (scheme.token === undefined) return refuse("malformed", "not a token");
  const json = decodeJson(scheme.token, limits.credentialLength);
  return isRefusal(json) ? json : credentialOf(json);
}

const OURS = /^[ \t,]*payment(?:[ \t]|$)/i;

function credentialOf({
  challenge,
  source,
  payload,
  ...others
}: Readonly<Record<string, unknown>>): Or<Credential> {
  if (Object.keys(others).length > 0) return refuse("malformed", "members that no credential has");
  if (!isRecord(challenge) || !isChallenge(challenge)) return refuse("malformed", "not the challenge");
  // No challenge of ours has a bar in what its id binds: with one it could pass for another challenge.
  if (hasBar(challenge)) return refuse("malformed", "a bar in the challenge");
  if (!isRecord(payload) || !hasSpelling(payload)) return refuse("malformed", "no payload");
  if (source === undefined) return { challenge, payload };
  return typeof source === "string"
    ? { challenge, source, payload }
    : refuse("malformed", "the source is no text");
}

const hasBar = ({ id: _id, description: _description, ...bound }: Challenge): boolean =>
  Object.values(bound).some((text) => text.includes("|"));

/** The same payment is known again by the one spelling of its payload: what has none is no payload. */
function hasSpelling(payload: object): boolean {
  try {
    canonicalJson(payload);
    return true;
  } catch {
    // It holds what canonical JSON of ours may not: the other side's fault.
    return false;
  }
}
