/** What the stores of a wallet and of a merchant say of lanes, when both are closed: nothing is open, and all that was sold is in runs. */
import type { PeerStore } from "@lepta/peer-sdk";
import { decodeAs, isRefusal, laneRefused, laneSold, purchaseOnLane, signedStatement } from "@lepta/protocol";
import { laneTables as payingTables } from "../../peer-sdk/src/customer/lanes/records.ts";
import { type Run, runEntries } from "../../peer-sdk/src/lanes/run.ts";
import { laneTables } from "../../peer-sdk/src/merchant/lanes/records.ts";

/** A purchase on a lane that was charged. */
export interface LaneSale {
  /** Whose the other side is. */
  readonly peer: string;
  readonly txn: string;
  readonly charged: bigint;
  /** Whether both have signed the statement that covers it. */
  readonly isSigned: boolean;
}

/** A wallet's purchases on lanes, and the lanes that are not closed, in words. */
export async function readPaid(
  store: PeerStore,
): Promise<{ readonly sales: readonly LaneSale[]; readonly open: readonly string[] }> {
  const tables = payingTables(store);
  const open = (await tables.lanes.list()).map(([id, { state }]) => `lane ${id} is ${state}`);
  return { sales: salesIn(await tables.runs.list()), open };
}

/** A merchant's, and what was sold without its customers' signatures, by customer, in millionths. */
export async function readSold(store: PeerStore): Promise<{
  readonly sales: readonly LaneSale[];
  readonly open: readonly string[];
  readonly unsigned: ReadonlyMap<string, bigint>;
}> {
  const tables = laneTables(store);
  const open = (await tables.lanes.list()).map(([id]) => `lane ${id} is open`);
  const unsigned = new Map((await tables.unstated.list()).map(([owner, { value }]) => [owner, BigInt(value)]));
  return { sales: salesIn(await tables.runs.list()), open, unsigned };
}

function salesIn(runs: readonly (readonly [string, Run])[]): readonly LaneSale[] {
  return runs.flatMap(([id, run]) => {
    const [peer = "", name = "", last = ""] = id.split("/");
    const entries = runEntries(run);
    const first = Number.parseInt(last, 10) - entries.length + 1;
    const signed = decodeAs(signedStatement, run.statement);
    const isSigned = !isRefusal(signed) && signed.merchant !== undefined && signed.customer !== undefined;
    return entries
      .map(({ answered }, i) => ({
        peer,
        txn: purchaseOnLane(name, first + i),
        charged: chargedIn(answered),
        isSigned,
      }))
      .filter(({ charged }) => charged > 0n);
  });
}

function chargedIn(answered: Uint8Array): bigint {
  const sold = decodeAs(laneSold, answered);
  if (!isRefusal(sold)) return BigInt(sold[3]);
  const refused = decodeAs(laneRefused, answered);
  if (isRefusal(refused)) throw new Error("an answer that is none");
  return 0n;
}
