/** Pages at listed hosts: a request, and where it is sent on to, as long as that is at a listed host too. */
import { isAllowedHost } from "@lepta/peer-sdk";
import { limits } from "@lepta/protocol";
import type { Page } from "./arguments.ts";
import { ToolFault } from "./fault.ts";

/** What an answer says of where to go. */
export interface Step {
  readonly status: number;
  readonly location: string | undefined;
}

/** Goes to a page by `go`, and on from there. Throws a `ToolFault` before anything is asked of a host that is not listed. */
export async function visit<T>(
  hosts: readonly string[],
  page: Page,
  signal: AbortSignal,
  go: (request: Request) => Promise<T>,
  stepOf: (answer: T) => Step,
): Promise<{ readonly answer: T; readonly url: string }> {
  let url = allowed(hosts, page.url, undefined);
  let { method, body, type } = page;
  for (let hops = 0; ; hops += 1) {
    const answer = await go(
      new Request(url, {
        method,
        redirect: "manual",
        signal,
        ...(body === undefined ? {} : { body }),
        ...(type === undefined ? {} : { headers: { "content-type": type } }),
      }),
    );
    const { status, location } = stepOf(answer);
    if (!REDIRECTS.has(status) || location === undefined) return { answer, url: url.href };
    if (hops >= limits.agentRedirects)
      throw new ToolFault("not-allowed", "The page sends on and on.", "Do not try it again.");
    url = allowed(hosts, location, url);
    // As browsers do: only these two repeat what was asked for.
    if (status === 307 || status === 308 || method === "HEAD") continue;
    [method, body, type] = ["GET", undefined, undefined];
  }
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

function allowed(hosts: readonly string[], text: string, from: URL | undefined): URL {
  const url = URL.parse(text, from);
  if (url !== null && /^https?:$/.test(url.protocol) && isAllowedHost(hosts, url)) return url;
  const where = from === undefined ? "This address" : "The page sends on to an address that";
  throw new ToolFault(
    "not-allowed",
    `${where} is not at a host that the configuration lists${url === null ? "" : `: ${url.host}`}.`,
    "Tell the user: only the owner of the wallet can list a host, in the configuration.",
  );
}
