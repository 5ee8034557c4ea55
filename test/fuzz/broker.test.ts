import { keys, purseItem, routes } from "@lepta/lambdas";
import { contentCodec, encodeAs, sealMessage } from "@lepta/protocol";
import { afterAll, describe, expect, test } from "vitest";
import { given } from "../peer-sdk/support/hand.ts";
import { barrage, type Layer } from "./support/barrage.ts";
import { kept } from "./support/corpus.ts";
import { expectSound } from "./support/ledger.ts";
import { mutated, padded, type Seed, seedOf } from "./support/mutate.ts";
import { proves } from "./support/proof.ts";
import { drawFor, runs, SEED } from "./support/random.ts";
import type { Request } from "./support/request.ts";
import { requestsOf } from "./support/requests.ts";
import { Tallies } from "./support/tallies.ts";
import { tenants } from "./support/tenants.ts";

const under = await tenants("broker");
const requests = await requestsOf(under);
const posts = routes.filter(({ method }) => method === "POST").map(({ path }) => `POST ${path}`);

const tallies = new Tallies();
afterAll(() => tallies.end());

test("every door that takes something has requests to begin with", async () => {
  for (const route of posts) {
    await under.rewind();
    const { code } = await under.send(route, await seal(await requests.make(route)));
    // A reversal waits for the merchant.
    expect(code, route).toBe(route === "POST /reversal" ? "pending" : undefined);
  }
});

describe.each(posts)(
  `%s, whatever comes, answers or refuses by name, and no value moves (seed ${SEED}):`,
  (route) => {
    test("damage to the sealed bytes and to the request's frame changes nothing at all", async () => {
      const seeds = await played(route);
      const draw = drawFor(`${route} sealed`);
      const waiting = [...kept];
      const bodyOf = async () => {
        const body = waiting.pop() ?? mutated(draw, seeds).slice();
        return draw.below(50) === 0 ? ([body, draw.pick(TYPES)] as const) : ([body] as const);
      };
      await bombard(route, "sealed", bodyOf, UNCHANGED);
    });

    test("damage to what a good seal holds changes nothing at all", async () => {
      await played(route);
      const { sealingKey } = await under.customer.party.link.keys();
      const contents = used.map(({ type, signed, beside }) => ({
        type,
        seeds: [seedOf(encodeAs(contentCodec, { signed, ...beside }))],
      }));
      const draw = drawFor(`${route} content`);
      const bodyOf = async () => {
        const { type, seeds } = draw.pick(contents);
        const plaintext = padded(draw, mutated(draw, seeds), type.paddingStep);
        return [await sealingKey.seal(type.mediaType, plaintext, (length) => draw.bytes(length))] as const;
      };
      await bombard(route, "content", bodyOf, UNCHANGED);
    });

    test("well-signed requests whose values are exchanged leave the books true and every record whole", async () => {
      await under.rewind();
      const draw = drawFor(`${route} signed`);
      let request: Request | undefined;
      const bodyOf = async () => {
        request = await requests.make(route, draw);
        return [await seal(request)] as const;
      };
      // What shows a scrip in its own words moves the purse only under a proof.
      const isShown = route === "POST /renew" || route === "POST /redeem";
      await bombard(
        route,
        "signed",
        bodyOf,
        () => under.rewind(),
        async (before) => {
          if (!isShown || (await purseScrip()) === before) return;
          if (!proves(given(request).signed, held.secret))
            throw new Error(`${route} has spent what it does not prove`);
          // Whatever comes next shows the same scrip, which is to live again.
          await under.table.rewind();
        },
      );
    });
  },
);

test("GET /keys, and a door that is none, answer whatever comes with the request and change nothing", async () => {
  await under.rewind();
  const draw = drawFor("GET");
  const before = under.table.items();
  for (let i = 0; i < runs(10_000); i += 1) {
    const [route, code] = draw.below(10)
      ? ["GET /keys", undefined]
      : [`${draw.pick(METHODS)} /${i}`, "not-found"];
    const outcome = await under.send(route, draw.bytes(draw.below(40)), draw.pick(TYPES));
    expect(outcome).toMatchObject({ code, commits: 0 });
  }
  expect(under.table.items()).toEqual(before);
});

const TYPES = [
  "application/json",
  "",
  "application/cose; cose-type",
  "APPLICATION/COSE",
  "application/cose-key",
  ";",
];
const METHODS = ["GET", "POST", "PUT", "", "\0"];

/** Requests that were answered in the state that a block begins with, so that they can only be answered again. */
let used: readonly Request[] = [];
const UNCHANGED = async (before: readonly unknown[]): Promise<void> => {
  expect(under.table.items()).toEqual(before);
};

async function played(route: string): Promise<readonly Seed[]> {
  await under.rewind();
  used = await Promise.all([requests.make(route), requests.make(route)]);
  const bodies = await Promise.all(used.map(seal));
  for (const body of bodies) await under.send(route, body);
  return [...bodies, ...(under.sent.get(route) ?? []).slice(0, 2)].map(seedOf);
}

const now = under.world.runtime.now();
const held = await under.customer.purse();

/** The customer's live BrokerScrip, as the table names it. */
const purseScrip = async (): Promise<string | undefined> =>
  purseItem.read((await under.table.get([keys.purse(under.customer.uid)]))[0])?.scrip;

function bombard(
  route: string,
  layer: Layer,
  bodyOf: () => Promise<readonly [body: Uint8Array, contentType?: string]>,
  after: (before: readonly unknown[]) => Promise<void>,
  check?: (scrip: string | undefined) => Promise<void>,
): Promise<void> {
  const before = under.table.items();
  const once = async () => {
    const [input, contentType] = await bodyOf();
    const scrip = check && (await purseScrip());
    const outcome = await under.send(route, input, contentType);
    await check?.(scrip);
    return { outcome, input };
  };
  return tallies.add(`${route} ${layer}`, () =>
    barrage(route, layer, once, async () => {
      expectSound(under.table.items(), now);
      await after(before);
    }),
  );
}

async function seal({ type, signed, beside }: Request): Promise<Uint8Array> {
  const { sealingKey } = await under.customer.party.link.keys();
  return sealMessage({ type, bytes: signed }, sealingKey, under.world.runtime.random, beside);
}
