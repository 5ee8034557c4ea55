/** The digest of a body (RFC 9530), which binds a challenge to it. */
import { equalBytes, sha256, utf8 } from "@lepta/protocol";

/** `sha-256=:…:` of a body's bytes. */
export const contentDigest = (body: Uint8Array): string => `sha-256=:${base64(sha256(body))}:`;

/** Whether it is the digest of this body, also in the spelling of mppx, which leaves out the colons. */
export function digestFits(digest: string, body: Uint8Array): boolean {
  const expected = contentDigest(body);
  return [expected, expected.replaceAll(":", "")].some((spelling) =>
    equalBytes(utf8(digest), utf8(spelling)),
  );
}

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
