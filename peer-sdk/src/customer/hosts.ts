/** Where a wallet may pay: hosts by name, as its owner lists them. */

/**
 * Whether an address lies at a listed host: `example.org` and `[::1]` at the scheme's own port, `example.org:8443` at that port,
 * `*.example.org` for every name below it and not for itself. Only https and wss, and http and ws where the host is this
 * machine; never with a name or a password in it.
 */
export function isAllowedHost(hosts: readonly string[], url: URL): boolean {
  if (url.username !== "" || url.password !== "" || url.hostname === "") return false;
  const isSafe = SAFE.has(url.protocol) || (PLAIN.has(url.protocol) && isLoopback(url.hostname));
  return isSafe && hosts.some((each) => matches(each, url));
}

/** Whether a text can be listed. What cannot allows nothing. */
export const isHostPattern = (text: string): boolean => readPattern(text, "https:") !== undefined;

/** Whether a host, as `URL` writes it, is this machine by its name. */
export const isLoopback = (hostname: string): boolean =>
  /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);

const SAFE: ReadonlySet<string> = new Set(["https:", "wss:"]);
const PLAIN: ReadonlySet<string> = new Set(["http:", "ws:"]);
const WILDCARD = "*.";

function matches(listed: string, { protocol, host, hostname }: URL): boolean {
  const pattern = readPattern(listed, protocol);
  if (pattern === undefined) return false;
  if (!pattern.isBelow) return pattern.host === host;
  // An address in digits has no names below it; `URL` has written every spelling of one the same way.
  if (isAddress(hostname) || !host.endsWith(`.${pattern.host}`)) return false;
  return host.length > pattern.host.length + 1;
}

/** The host as `URL` writes it, with the port where it is not the scheme's own. */
function readPattern(
  listed: string,
  protocol: string,
): { readonly isBelow: boolean; readonly host: string } | undefined {
  const isBelow = listed.startsWith(WILDCARD);
  const name = isBelow ? listed.slice(WILDCARD.length) : listed;
  // What a URL takes apart, decodes or leaves out is no host by itself.
  if (name === "" || /[\s/\\?#@%*]/.test(name)) return undefined;
  const url = URL.parse(`${protocol}//${name}`);
  if (url === null || url.hostname === "" || name.endsWith(":")) return undefined;
  const isTooWide = isAddress(url.hostname) || !url.hostname.includes(".");
  return isBelow && isTooWide ? undefined : { isBelow, host: url.host };
}

const isAddress = (hostname: string): boolean => hostname.startsWith("[") || /^\d+(\.\d+){3}$/.test(hostname);
