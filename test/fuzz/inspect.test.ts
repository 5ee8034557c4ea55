import { encodeCbor, encodeReceipt, messages, Tagged } from "@lepta/protocol";
import { type Inspection, inspect } from "@lepta/protocol/inspect";
import { afterAll, describe, expect, test } from "vitest";
import { limits } from "../../protocol/src/limits.ts";
import { allFields, everything } from "../protocol/inspections.ts";
import { laneRun, recordedAs, signedPurchase } from "../protocol/receipts.ts";
import { merchant } from "../vectors/parties.ts";
import { exampleOf, fromHex, sign1Items } from "../vectors/vector.ts";
import { kept, vectorOf } from "./support/corpus.ts";
import { mutated, type Seed, seedOf } from "./support/mutate.ts";
import { type Draw, drawFor, runs, SEED } from "./support/random.ts";
import { stepsSoFar } from "./support/steps.ts";
import { structures } from "./support/structures.ts";
import { Tallies, type Tally } from "./support/tallies.ts";

const vectors = messages.map(vectorOf);
const signed = await Promise.all(vectors.map(async (vector) => (await exampleOf(vector)).signed));
const sealed = vectors.map(({ good }) => fromHex(good.hex));
const story = await laneRun();
const lane = story.receiptOf(3);
const receipts = [
  encodeReceipt({ ...lane, run: { ...lane.run, recorded: await recordedAs(story.payload, merchant, 3) } }),
  encodeReceipt(await signedPurchase()),
];
const others = structures.flatMap(({ seeds }) => seeds);

/** Most of the work is in words for what is found; keys and signatures are the platform's. */
const STEPS_PER_BYTE = 200;
const STEPS_BESIDES = 20_000;
/** Few inspections reach all of it; each that gets to the signatures costs a millisecond. */
const INPUTS = 3_000;

const tallies = new Tallies();
afterAll(() => tallies.end());

const targets: readonly (readonly [
  string,
  (draw: Draw, seeds: readonly Seed[]) => Uint8Array,
  readonly Uint8Array[],
])[] = [
  ["bytes without a plan", (draw) => draw.bytes(draw.below(600)), []],
  ["damaged signed messages", mutated, signed],
  ["damaged sealed messages", mutated, sealed],
  ["damaged receipts", mutated, receipts],
  ["damaged structures", mutated, others],
  ["damaged payloads under a signature", underSignature, vectors.map(({ good }) => fromHex(good.payloadHex))],
];

describe(`an inspection never throws, is bounded in work and in what it shows, and is never without a check (seed ${SEED}):`, () => {
  test.each(targets)("%s", async (name, next, seeds) => {
    await tallies.add(name, async (): Promise<Tally> => {
      const draw = drawFor(name);
      const parsed = seeds.map(seedOf);
      const inputs = runs(INPUTS);
      let [refused, most] = [0, 0];
      for (const bytes of [...seeds, ...kept]) await tryOne(bytes);
      for (let i = 0; i < inputs; i += 1) if (await tryOne(next(draw, parsed))) refused += 1;
      return { inputs, refused, work: `${most} steps` };

      /** Whether a check is red. */
      async function tryOne(bytes: Uint8Array): Promise<boolean> {
        const before = stepsSoFar();
        const inspection = await inspect(bytes, everything).catch((error: unknown) =>
          expect.unreachable(`${error} at ${Buffer.from(bytes).toString("hex")}`),
        );
        const steps = stepsSoFar() - before;
        most = Math.max(most, steps);
        judge(inspection, bytes, steps);
        return inspection.checks.some(({ state }) => state === "bad");
      }
    });
  });
});

/** Whatever may be wrong in a payload is looked at before its signature is. */
function underSignature(draw: Draw, seeds: readonly Seed[]): Uint8Array {
  const i = draw.below(seeds.length);
  const payload = mutated(draw, [seeds[i] ?? expect.unreachable("no seed")]).slice();
  const { protectedHeader, signature } = sign1Items(signed[i] ?? expect.unreachable("no message"));
  return encodeCbor(new Tagged(18, [protectedHeader, new Map(), payload, signature]));
}

function judge({ fields, checks, length }: Inspection, bytes: Uint8Array, steps: number): void {
  const input = Buffer.from(bytes).toString("hex");
  if (length !== bytes.length || checks.length === 0) expect.unreachable(`nothing is said of ${input}`);
  if (steps > STEPS_PER_BYTE * bytes.length + STEPS_BESIDES)
    expect.unreachable(`${steps} steps for ${input}`);
  if (allFields(fields).length > 2 * limits.inspectedFields || checks.length > limits.inspectedChecks + 1)
    expect.unreachable(`too much is said of ${input}`);
}
