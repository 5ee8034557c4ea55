/** A site that means harm to a wallet, or fails at the worst moment: what the wallet's limits and books say holds. */
import { afterEach, expect, test } from "vitest";
import { createWall, SITE, type Wall } from "./support/wall.ts";

let it: Wall;
afterEach(() => it.close());

const sold = async (): Promise<bigint> => (await it.wall.merchant.books("EUR")).sold;
const spent = async () => (await it.wallet.budget("fetch")).spent();

/** What the merchant keeps of its answers is gone: it sells for the same challenge again. */
async function forgetAnswers(): Promise<void> {
  const kept = await it.store.list("answer");
  await it.store.commit(kept.map(([key]) => ({ key, value: undefined })));
}

test.each(["/report", "/film"])(
  "the same challenge for every request to %s counts each time",
  async (path) => {
    it = await createWall({ "GET /report": "EUR 0.02", "GET /film": "EUR 0.20" });
    let first: Response | undefined;
    it.passage = async (request, pass) => {
      if (request.headers.has("authorization")) return pass();
      await forgetAnswers();
      first ??= await pass();
      return new Response(null, first);
    };
    const [max, perDay] = ["EUR 0.20", path === "/film" ? "EUR 0.50" : "EUR 0.05"];
    const pay = it.wallet.fetch({ max, perDay, fetch: it.fetch });
    for (const page of [1, 2]) expect([page, (await pay(`${SITE}${path}`)).status]).toEqual([page, 200]);
    await expect(pay(`${SITE}${path}`)).rejects.toMatchObject({ code: "over-budget" });
    expect((await spent()).last24h.value).toBe(await sold());
  },
);
