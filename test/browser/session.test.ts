/** A real browser, on its own cryptography, in a session with Node on its own. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { encodeAs, sessionMessage, toText } from "@lepta/protocol";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Serving, serveWebSockets, type Visit } from "../../peer-sdk/src/channel/serve.ts";
import { acceptHandshake } from "../../peer-sdk/src/session/handshake.ts";
import { itemKind, Session } from "../../peer-sdk/src/session/session.ts";
import { customer, merchant } from "../vectors/parties.ts";
import { bundled } from "./bundled.ts";
import { chromiumPath, whereItIs } from "./chromium.ts";
import type { Told } from "./page.ts";
import { BIG_ID, big, ITEMS, runtime, sessionParty } from "./parties.ts";

/** Milliseconds: a browser starts. */
const PATIENCE = 120_000;

describe.skipIf(chromiumPath === undefined)(`a page in a browser${whereItIs}`, () => {
  let browser: Browser;
  let site: Server;
  let door: Serving;
  const met: Met[] = [];

  beforeAll(async () => {
    const { code, imported } = await bundled('import "./page.ts";');
    expect(imported).toEqual([]);
    site = createServer((_, response) =>
      response.setHeader("content-type", "text/html").end(`<script type="module">${code}</script>`),
    );
    site.listen(0, "127.0.0.1");
    await once(site, "listening");
    door = await serveWebSockets({}, () => echoing(met));
    browser = await chromium.launch({ executablePath: chromiumPath ?? "", args: ["--no-sandbox"] });
  }, PATIENCE);

  afterAll(async () => {
    await browser?.close();
    await door?.close();
    site?.closeAllConnections();
    site?.close();
  });

  test("has a session with a merchant on Node: each knows the other, and nothing is lost or out of order", async () => {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on("pageerror", (error) => faults.push(error.message));
    const address = site.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    await page.goto(`http://127.0.0.1:${address.port}/`);
    const outcome: Outcome = await page.evaluate(
      `meet(${JSON.stringify(door.url)}).then((told) => ({ told }), (fault) => ({ fault: String(fault) }))`,
    );
    expect(outcome.fault).toBeUndefined();
    const { told } = outcome;
    const numbers = Array.from({ length: ITEMS }, (_, index) => index + 1);
    expect(told?.echoed).toEqual(numbers);
    expect(told?.bigLength).toBe(big.length);
    expect(told?.merchant).toBe(merchant.uid);
    const [seen] = met;
    expect(seen).toMatchObject({ opening: told?.opening, customer: customer.uid });
    expect(await seen?.ended).toBe("done");
    expect(faults).toEqual([]);
  });
});

/** As a text: a stack of the page's leads nowhere here. */
interface Outcome {
  readonly told?: Told;
  readonly fault?: string;
}

interface Met {
  readonly opening: string;
  readonly customer: string;
  /** The code with which the session ended. */
  readonly ended: Promise<string | undefined>;
}

/** A merchant that sends every item back, and something big for a message of figure 7. */
function echoing(met: Met[]): Visit {
  const visit = async () => [];
  const attach: Visit["attach"] = (wire) => {
    sessionParty(merchant)
      .then((party) => acceptHandshake(party, wire))
      .then(({ keys, credential, wire: held }) => {
        const ended = new Promise<string | undefined>((resolve) => {
          const session = new Session(held, keys, runtime, {
            items: (items) => {
              for (const item of items)
                session.send(
                  itemKind(item) === 6 ? encodeAs(sessionMessage, [6, BIG_ID, big]) : Uint8Array.from(item),
                );
            },
            ended: resolve,
          });
        });
        met.push({ opening: toText(keys.opening), customer: credential.uid, ended });
      })
      // The page sees the end of its connection and says so.
      .catch(() => wire.close());
  };
  return Object.assign(visit, { attach });
}
