/** Lanes at rest: what both sides keep of each, and what a wallet's runs say that was bought. */
import { bodyOf, type Holding } from "@lepta/peer-sdk/records";
import { decodeAs, isRefusal, laneBuy, laneOrigin, purchaseOnLane, toText } from "@lepta/protocol";
import { laneTables as payingTables } from "../../peer-sdk/src/customer/lanes/records.ts";
import { type Run, runEntries } from "../../peer-sdk/src/lanes/run.ts";
import { laneTables, readJournalRecord } from "../../peer-sdk/src/merchant/lanes/records.ts";
import { chargedIn } from "./books.ts";
import type { CustomerSide, MerchantSide } from "./peers.ts";

/** A purchase on a lane that was charged. */
export interface LaneSale {
  readonly owner: string;
  readonly txn: string;
  readonly sku: string;
  readonly charged: bigint;
}

/** Purchases in runs, under `peer/lane/last`, in an order that does not depend on the lanes' names: those were drawn, signed and hashed. */
export function salesIn(runs: readonly (readonly [string, Run])[]): readonly LaneSale[] {
  return runs
    .flatMap(([id, run]) => {
      const [owner = "", name = "", last = ""] = id.split("/");
      const entries = runEntries(run);
      const first = Number(last) - entries.length + 1;
      return entries.map(({ bought, answered, at }, i) => {
        const buy = decodeAs(laneBuy, bought);
        return {
          owner,
          txn: purchaseOnLane(name, first + i),
          sku: isRefusal(buy) ? "" : buy[5].sku,
          charged: BigInt(chargedIn(answered)),
          order: `${owner} ${String(at).padStart(16, "0")} ${isRefusal(buy) ? "" : buy[1]} ${first + i}`,
        };
      });
    })
    .filter(({ charged }) => charged > 0n)
    .sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
}

/** All that statements say was sold. */
export const laneSalesOf = async ({ disk }: MerchantSide): Promise<readonly LaneSale[]> =>
  salesIn(await laneTables(disk).runs.list());

/** What was sold on lanes that have ended without their customer's signature, by customer. */
export const unsignedOf = async ({ disk }: MerchantSide): Promise<ReadonlyMap<string, bigint>> =>
  new Map((await laneTables(disk).unstated.list()).map(([owner, { value }]) => [owner, BigInt(value)]));

/** What a merchant's open lanes hold, and what of them is not at an end. */
export interface LaneStock {
  /** By scrip: the line that pays, what remains by the last statement, and how both name its state. */
  readonly open: ReadonlyMap<
    string,
    {
      readonly owner: string;
      readonly origin: string;
      readonly expiresAt: number;
      readonly remaining: bigint;
      readonly standing: string;
    }
  >;
  /** Owners of lanes that have something unstated or proposed. */
  readonly unsettled: readonly { readonly owner: string; readonly what: string }[];
}

/** Reads a merchant's lanes at rest. */
export async function readLanes({ disk }: MerchantSide): Promise<LaneStock> {
  const open = new Map<
    string,
    { owner: string; origin: string; expiresAt: number; remaining: bigint; standing: string }
  >();
  const unsettled: { owner: string; what: string }[] = [];
  const tables = laneTables(disk);
  for (const [id, { scrip, origin, expiresAt, stated, proposed }] of await tables.lanes.list()) {
    const [owner = ""] = id.split("/");
    const { sequence, remaining, statement } = stated;
    open.set(scrip, {
      owner,
      origin,
      expiresAt,
      remaining: BigInt(remaining),
      standing: `${owner} lane at ${sequence} ${remaining} ${statement}`,
    });
    if (proposed !== undefined)
      unsettled.push({ owner, what: `lane ${id} has a proposal that nobody signed` });
  }
  const alive = (await disk.openLog("bought")).found.map(({ record }) => record);
  const unstated = await unstatedIn(disk, alive);
  return { open, unsettled: [...unsettled, ...unstated] };
}

async function unstatedIn(disk: MerchantSide["disk"], records: readonly Uint8Array[]) {
  const tables = laneTables(disk);
  const found: { owner: string; what: string }[] = [];
  for (const record of records) {
    const { lane: id, entry } = readJournalRecord(record);
    const buy = decodeAs(laneBuy, entry.bought);
    if (isRefusal(buy)) continue;
    const lane = await tables.lanes.get(id);
    if (lane !== undefined && buy[2] > lane.stated.sequence)
      found.push({
        owner: id.split("/")[0] ?? "",
        what: `purchase ${buy[2]} on lane ${id} is in no statement`,
      });
  }
  return found;
}

/** What a wallet's scrip is worth where lanes have bought with it, and how it stands. */
export interface Paying {
  /** By scrip. */
  readonly lanes: ReadonlyMap<
    string,
    { readonly state: string; readonly remaining: bigint; readonly standing: string }
  >;
  /** What was bought on lanes, at the merchant of this UID. */
  readonly boughtAt: (merchant: string) => readonly LaneSale[];
}

/** Reads a wallet's lanes at rest. */
export async function readPaying({ disk, uid }: CustomerSide): Promise<Paying> {
  const tables = payingTables(disk);
  const sales = salesIn(await tables.runs.list());
  const lanes = new Map<string, { state: string; remaining: bigint; standing: string }>();
  const runs = await tables.runs.list();
  for (const [id, { state, scrip, stated, session }] of await tables.lanes.list()) {
    const [merchant = "", number = ""] = id.split("/");
    const { sequence, remaining, statement } = stated;
    // Our own version of what a lost lane has bought is among the runs, and in no statement of both.
    const name = toText(laneOrigin(session, Number(number), scrip).subarray(0, 8));
    const own = runs
      .filter(([run]) => run.startsWith(`${merchant}/${name}/`) && state === "lost")
      .filter(([run]) => Number(run.split("/")[2]) > sequence);
    const lost = salesIn(own).reduce((sum, { charged }) => sum + charged, 0n);
    lanes.set(scrip, {
      state,
      remaining: BigInt(remaining) - lost,
      standing: `${uid} lane at ${sequence} ${remaining} ${statement}`,
    });
  }
  return { lanes, boughtAt: (merchant) => sales.filter(({ owner }) => owner === merchant) };
}

/** What a holding is worth: what its lane has left of it. */
export const worthOf = (held: Holding, { lanes }: Paying): bigint => {
  const body = bodyOf(held);
  return lanes.get(body.id)?.remaining ?? body.value.value;
};
