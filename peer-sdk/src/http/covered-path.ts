/** Under which spelling of its path a request has a price. */
import type { Paywall } from "./paywall-port.ts";

/**
 * The spelling that the paywall covers, or undefined. Servers find one handler under many: with percent signs, slashes too many, a
 * slash behind, in capitals. What any of them would serve must be paid for under each.
 */
export function coveredPath(paywall: Paywall, method: string, path: string): string | undefined {
  const decoded = decode(path).replace(/\/{2,}/g, "/");
  const bare = decoded.replace(/(?!^)\/$/, "");
  return [...new Set([path, decoded, bare, bare.toLowerCase()])].find((each) => paywall.covers(method, each));
}

/** What stands behind the origin and before the query of a request's target. */
export function pathOf(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, "").replace(/[?#].*$/s, "");
  return path === "" ? "/" : path;
}

function decode(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    // Not an encoding of anything: then it is read as it stands, as servers do.
    return path;
  }
}
