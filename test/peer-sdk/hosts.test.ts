import { isAllowedHost, isHostPattern } from "@lepta/peer-sdk";
import { describe, expect, test } from "vitest";

const isAllowed = (listed: string, url: string): boolean => isAllowedHost([listed], new URL(url));

describe("a host is allowed", () => {
  test.each([
    ["news.example.org", "https://news.example.org/a?b#c"],
    ["news.example.org", "https://NEWS.example.ORG/"],
    ["NEWS.example.org", "https://news.example.org:443/"],
    ["news.example.org", "wss://news.example.org/pay"],
    ["news.example.org:443", "https://news.example.org/"],
    ["news.example.org:8443", "https://news.example.org:8443/"],
    ["*.example.org", "https://news.example.org/"],
    ["*.example.org", "https://a.b.example.org/"],
    ["*.example.org:8443", "https://a.example.org:8443/"],
    ["bücher.example", "https://xn--bcher-kva.example/"],
    ["xn--bcher-kva.example", "https://bücher.example/"],
    ["localhost:8787", "http://localhost:8787/"],
    ["127.0.0.1:8787", "ws://127.0.0.1:8787/"],
    ["127.0.0.1:8787", "http://127.1:8787/"],
    ["[::1]:8787", "http://[::1]:8787/"],
    ["192.0.2.1", "https://192.0.2.1/"],
  ])("%s takes %s", (listed, url) => {
    expect(isAllowed(listed, url)).toBe(true);
  });

  test.each([
    // Another host that reads like it.
    ["example.org", "https://example.org.evil.example/"],
    ["example.org", "https://evilexample.org/"],
    ["example.org", "https://news.example.org/"],
    ["example.org", "https://example.org./"],
    ["*.example.org", "https://example.org/"],
    ["*.example.org", "https://evilexample.org/"],
    ["*.example.org", "https://news.example.org.evil.example/"],
    ["*.example.org", "https://.example.org/"],
    ["bücher.example", "https://bucher.example/"],
    ["example.org", "https://еxample.org/"],
    // The host is elsewhere than it seems.
    ["example.org", "https://example.org@evil.example/"],
    ["example.org", "https://evil.example/?example.org"],
    ["example.org", "https://evil.example\\@example.org/"],
    ["example.org", "https://user@example.org/"],
    ["example.org", "https://user:secret@example.org/"],
    // Other ports and schemes.
    ["example.org", "https://example.org:8443/"],
    ["example.org:8443", "https://example.org/"],
    ["*.example.org", "https://a.example.org:8443/"],
    ["example.org", "http://example.org/"],
    ["example.org", "ws://example.org/"],
    ["example.org", "ftp://example.org/"],
    ["example.org", "javascript://example.org/%0aalert(1)"],
    ["example.org", "file://example.org/etc/passwd"],
    ["example.org", "data:text/html,example.org"],
    // This machine is somewhere only where it is listed.
    ["example.org", "http://localhost/"],
    ["localhost:8787", "http://127.0.0.1:8787/"],
    ["localhost:8787", "http://localhost:8788/"],
    ["localhost", "http://localhost:8787/"],
    ["*.localhost", "http://a.localhost/"],
    ["127.0.0.1.example.org:8787", "http://127.0.0.1.example.org:8787/"],
    // What is no host allows nothing.
    ["*", "https://example.org/"],
    ["*.org", "https://example.org/"],
    ["", "https://example.org/"],
    ["https://example.org", "https://example.org/"],
    ["example.org/", "https://example.org/"],
    ["example.org/a", "https://example.org/a"],
    ["user@example.org", "https://example.org/"],
    ["e*.example.org", "https://each.example.org/"],
    ["*.*.example.org", "https://a.b.example.org/"],
    ["*.0.0.1", "https://127.0.0.1/"],
    ["*.0.2.1", "https://192.0.2.1/"],
    ["example.org:", "https://example.org/"],
    ["exam%70le.org", "https://example.org/"],
    [" example.org", "https://example.org/"],
  ])("never by %s: %s", (listed, url) => {
    expect(isAllowed(listed, url)).toBe(false);
  });

  test("by nobody where nothing is listed", () => {
    expect(isAllowedHost([], new URL("https://example.org/"))).toBe(false);
  });
});

test("what can be listed is told from what cannot", () => {
  for (const good of ["example.org", "*.example.org", "localhost:8787", "[::1]", "bücher.example"])
    expect(isHostPattern(good)).toBe(true);
  for (const bad of ["*", "*.org", "https://example.org", "a b", "example.org:99999", "*.127.0.0.1", "["])
    expect(isHostPattern(bad)).toBe(false);
});
