/** Everything that functions print and collect while money goes its whole way, searched for what nobody may read there. */
import type { Item, Wiring } from "@lepta/lambdas";
import { powertoolsObserver } from "@lepta/lambdas/aws/powertools-observer";
import { holder, readKeyTable, wrappingContext } from "@lepta/lambdas/custody/key-items";
import { epochName, operationalName } from "@lepta/lambdas/custody/operational";
import { unwrap } from "@lepta/lambdas/custody/wrapping";
import { plainObserver } from "@lepta/lambdas/log";
import type { Observer } from "@lepta/lambdas/ports/observer";
import { memoryPeerStore } from "@lepta/peer-sdk";
import { thumbprint } from "@lepta/protocol";
import { afterEach, expect, test, vi } from "vitest";
import { customerTables } from "../../peer-sdk/src/customer/records.ts";
import { Hand } from "../peer-sdk/support/hand.ts";
import { createWorld } from "../peer-sdk/support/world.ts";

const ACCOUNT = "NL91ABNA0417164300";
const NEWS = "ws://news.example/pay";

let printed: string[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  printed = [];
});

const observers: readonly (readonly [string, () => Observer])[] = [
  ["Powertools", () => powertoolsObserver({ namespace: "Lepta/test", service: "all" })],
  ["the embedded cloud", () => plainObserver],
];

test.each(observers)(
  "nothing that %s prints holds an account, a secret, a salt or a key",
  async (_name, make) => {
    vi.stubEnv("LEPTA_LOG", "info");
    const keep = (chunk: unknown): boolean => printed.push(String(chunk)) > 0;
    vi.spyOn(process.stdout, "write").mockImplementation(keep);
    vi.spyOn(process.stderr, "write").mockImplementation(keep);

    const secrets = new Map<string, Uint8Array>();
    let isBroken = false;
    const world = await createWorld({
      observer: make(),
      around: (table) => ({
        ...table,
        commit: async (writes) => {
          for (const write of writes) if ("put" in write) note(write.put);
          // A fault whose message holds all that it could.
          if (isBroken) throw new Error(`${ACCOUNT} ${[...secrets.keys()].join(" ")}`);
          return table.commit(writes);
        },
      }),
    });
    /** Every byte string that is long enough to be no accident. */
    function note(item: Item): void {
      for (const [name, value] of Object.entries(item))
        if (value instanceof Uint8Array && value.length >= 16)
          secrets.set(`${name} ${Buffer.from(value).toString("hex")}`, value);
    }
    const shelf = memoryPeerStore();
    const purse = memoryPeerStore();
    const customer = {
      ...purse,
      commit: async (changes: Parameters<typeof purse.commit>[0]) => {
        await purse.commit(changes);
        const tables = customerTables(purse);
        for (const [, { secret }] of [...(await tables.vendorscrip.list()), ...(await tables.purse.list())])
          secrets.set(`CustomerSecret ${Buffer.from(secret).toString("hex")}`, secret);
      },
    };
    const catalogue = { article: { price: "EUR 0.02", deliver: () => "chapter one" } };
    const news = await world.merchant(NEWS, { store: shelf, catalogue });
    const wallet = await world.wallet({ store: customer, account: ACCOUNT, mandate: "sandbox" });
    await wallet.topUp("EUR 1.00");
    for (let i = 0; i < 3; i += 1) await wallet.buy(NEWS, "article", { max: "EUR 0.02" });
    await wallet.flushNotices();
    await news.flushNotices();
    await wallet.redeem("EUR 0.10");
    await world.call("/redeem", new Uint8Array(40));
    isBroken = true;
    await expect(wallet.topUp("EUR 1.00")).rejects.toThrow();
    isBroken = false;
    await world.finish();
    await world.rotate();

    for (const store of [shelf, purse]) {
      const options = { store, broker: world.broker, transport: world.transport, runtime: world.runtime };
      const { uid } = (await Hand.open(options)).party.identity;
      secrets.set(`UID ${uid}`, Buffer.from(uid, "base64url"));
      expect(printed.join("")).not.toContain(uid);
    }
    for (const [name, value] of await brokersKeys(world.wiring))
      secrets.set(`${name} ${Buffer.from(value).toString("hex")}`, value);
    await world.close();

    const names = new Set([...secrets.keys()].map((name) => name.split(" ")[0]));
    // What the search is about was really there to be found.
    for (const name of [
      "salt",
      "CustomerSecret",
      "wrapped",
      "certificate",
      "signed",
      "UID",
      "dataKey",
      "epochRoot",
      "privateKey",
    ])
      expect(names).toContain(name);
    const output = printed.join("");
    expect(output).toContain('"fault":"Error at ');
    expect(output).not.toContain(ACCOUNT);
    const inHex = output.toLowerCase();
    const found = [...secrets].filter(([, value]) => {
      const bytes = Buffer.from(value);
      return (
        output.includes(bytes.toString("base64url")) ||
        output.includes(bytes.toString("base64").replaceAll("=", "")) ||
        inHex.includes(bytes.toString("hex"))
      );
    });
    expect(found.map(([name]) => name)).toEqual([]);
  },
);

/** Everything that the broker keeps wrapped, plain. */
async function brokersKeys({
  store,
  keyService,
}: Wiring): Promise<readonly (readonly [string, Uint8Array])[]> {
  const table = await readKeyTable(store);
  const network = thumbprint(table.rootKey ?? new Uint8Array(0));
  const found: (readonly [string, Uint8Array])[] = [];
  for (const [purpose, { wrapped, generation }] of table.dataKeys) {
    const dataKey = await keyService.wrapper.unwrap(wrapped, wrappingContext(network, purpose));
    found.push(["dataKey", dataKey]);
    for (const { purpose: use, id, wrapped: halves } of table.operational) {
      const half = halves.get(holder(purpose, generation));
      if (half !== undefined) found.push(["privateKey", unwrap(dataKey, operationalName(use, id), half)]);
    }
    if (purpose !== "decide") continue;
    for (const { epoch, wrapped: roots } of table.epochs.values()) {
      const root = roots.get(holder(purpose, generation));
      if (root !== undefined) found.push(["epochRoot", unwrap(dataKey, epochName(epoch), root)]);
    }
  }
  return found;
}
