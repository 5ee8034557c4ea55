import { routes } from "@lepta/lambdas";
import { contentCodec, encodeAs, errors, sealMessage } from "@lepta/protocol";
import { afterAll, describe, expect, test } from "vitest";
import { kept } from "./support/corpus.ts";
import { HEAP_BOUND, liveBytes } from "./support/heap.ts";
import { expectSound } from "./support/ledger.ts";
import { mutated, type Seed, seedOf } from "./support/mutate.ts";
import { type Draw, drawFor, runs, SEED } from "./support/random.ts";
import { type Request, requestsOf } from "./support/requests.ts";
import { Tallies } from "./support/tallies.ts";
import { type Outcome, tenants } from "./support/tenants.ts";

/** Inputs of one layer at one door: three layers make ten thousand and more. */
const LAYER_RUNS = 3400;
/** The state begins anew after so many. */
const BLOCK = 340;
/** Work at one door: so many steps for each byte of the body, and so many besides. */
const STEPS_PER_BYTE = 16;
const STEPS_BESIDES = 40_000;
/** Answers after which something may have been written, besides 200: the rail is still at it, or the table was. */
const UNDECIDED: ReadonlySet<string> = new Set(["pending", "busy"]);

const under = await tenants("broker");
const requests = await requestsOf(under);
const posts = routes.filter(({ method }) => method === "POST").map(({ path }) => `POST ${path}`);

const tallies = new Tallies();
afterAll(() => tallies.print());

test("every door that takes something has requests to begin with", async () => {
  for (const route of posts) {
    await under.rewind();
    const { code } = await under.send(route, await seal(await requests.make(route)));
    expect(code, route).toBeUndefined();
  }
});

describe.each(posts)(
  `%s, whatever comes, answers or refuses by name, and no value moves (seed ${SEED}):`,
  (route) => {
    test("damage to the sealed bytes and to the request's frame changes nothing at all", async () => {
      const seeds = await played(route);
      const draw = drawFor(`${route} sealed`);
      let at = 0;
      await manyAt(
        route,
        "sealed",
        async () => {
          const body = at < kept.length ? kept[at] : mutated(draw, seeds).slice();
          at += 1;
          const contentType = draw.below(50) === 0 ? draw.pick(TYPES) : undefined;
          return { outcome: await under.send(route, body, contentType), body };
        },
        UNCHANGED,
      );
    });

    test("damage to what a good seal holds changes nothing at all", async () => {
      await played(route);
      const { sealingKey } = await under.customer.party.link.keys();
      const contents = used.map(({ type, signed, beside }) => ({
        type,
        seeds: [seedOf(encodeAs(contentCodec, { signed, ...beside }))],
      }));
      const draw = drawFor(`${route} content`);
      await manyAt(
        route,
        "content",
        async () => {
          const { type, seeds } = draw.pick(contents);
          const plaintext = padded(draw, mutated(draw, seeds), type.paddingStep);
          const body = await sealingKey.seal(type.mediaType, plaintext, (length) => draw.bytes(length));
          return { outcome: await under.send(route, body), body };
        },
        UNCHANGED,
      );
    });

    test("well-signed requests whose values are exchanged leave the books true and every record whole", async () => {
      await under.rewind();
      const draw = drawFor(`${route} signed`);
      await manyAt(
        route,
        "signed",
        async () => {
          const body = await seal(await requests.make(route, draw));
          return { outcome: await under.send(route, body), body };
        },
        () => under.rewind(),
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

/** Many inputs of one layer: each is judged by itself, the whole state after each block. */
async function manyAt(
  route: string,
  layer: string,
  once: () => Promise<{ readonly outcome: Outcome; readonly body: Uint8Array | undefined }>,
  after: (before: readonly unknown[]) => Promise<void>,
): Promise<void> {
  const inputs = runs(LAYER_RUNS);
  const now = under.world.runtime.now();
  await tallies.add(`${route} ${layer}`, async () => {
    const before = under.table.items();
    let refused = 0;
    let stepsPerByte = 0;
    let early = 0;
    for (let i = 0; i < inputs; i += 1) {
      const { outcome, body = new Uint8Array(0) } = await once();
      judge(route, outcome, body);
      if (outcome.code !== undefined) refused += 1;
      stepsPerByte = Math.max(stepsPerByte, (outcome.steps - STEPS_BESIDES) / Math.max(1, body.length));
      if (i % BLOCK === BLOCK - 1 || i === inputs - 1) {
        expectSound(under.table.items(), now);
        await after(before);
      }
      if (i === BLOCK - 1) early = await liveBytes(4);
    }
    const left = (await liveBytes(4)) - early;
    expect(left, "bytes left behind").toBeLessThan(HEAP_BOUND);
    return { inputs, refused, stepsPerByte, left };
  });
}

function judge(route: string, { code, commits, steps }: Outcome, body: Uint8Array): void {
  const told = () => `${route}: ${Buffer.from(body).toString("hex")} (LEPTA_FUZZ_SEED=${SEED})`;
  if (code === "internal" || (code !== undefined && !(code in errors)))
    throw new Error(`${code} at ${told()}`);
  if (code !== undefined && commits > 0 && !UNDECIDED.has(code))
    throw new Error(`refused as ${code} and wrote something, at ${told()}`);
  const most = STEPS_PER_BYTE * body.length + STEPS_BESIDES;
  if (steps > most) throw new Error(`${steps} steps, more than ${most}, at ${told()}`);
}

async function seal({ type, signed, beside }: Request): Promise<Uint8Array> {
  const { sealingKey } = await under.customer.party.link.keys();
  return sealMessage({ type, bytes: signed }, sealingKey, under.world.runtime.random, beside);
}

/** Padded as it should be, or nearly so. */
function padded(draw: Draw, bytes: Uint8Array, step: number): Uint8Array {
  const out = new Uint8Array(Math.floor(bytes.length / step + 1) * step);
  out.set(bytes);
  out[bytes.length] = draw.below(50) === 0 ? draw.below(256) : 0x80;
  return draw.below(50) === 0 ? out.slice(1) : out;
}
