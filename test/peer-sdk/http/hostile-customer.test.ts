/** A customer that means harm to a paywall: what it sends ends no process, and what it holds is bounded. */
import { toText } from "@lepta/protocol";
import { afterEach, expect, test } from "vitest";
import { parseChallenges } from "../../../peer-sdk/src/http/challenge.ts";
import { createWall, SITE, type Wall } from "./support/wall.ts";

let it: Wall;
afterEach(() => it.close());

const json = (value: unknown): string => toText(new TextEncoder().encode(JSON.stringify(value)));

test.each([
  ["null", { hello: null }],
  ["a fraction", { hello: 0.5 }],
  ["half a surrogate pair", { hello: "\ud800" }],
  ["nesting without end", JSON.parse(`${'{"a":'.repeat(40)}1${"}".repeat(40)}`)],
])("a payload that holds %s is a customer's fault, and no fault of ours", async (_what, payload) => {
  it = await createWall({ "GET /report": "EUR 0.02", "GET /film": "EUR 0.20" });
  for (const path of ["/report", "/film"]) {
    const asked = await it.fetch(`${SITE}${path}`);
    for (const challenge of parseChallenges(asked.headers.get("www-authenticate") ?? "")) {
      const headers = { authorization: `Payment ${json({ challenge, payload })}` };
      const answer = await it.fetch(`${SITE}${path}`, { headers });
      expect([answer.status, (await answer.json()).code]).toEqual([402, "malformed"]);
    }
  }
});
