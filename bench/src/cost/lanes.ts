/** A merchant that only hands the broker statements over lanes, signed by itself and its customers with keys of their own. */
import { acknowledgement, limits, noticeBatch, orThrow } from "@lepta/protocol";
import { enrolledPeer, euro, type TestPeer } from "../../../test/support/peer.ts";
import { reachable } from "../../../test/support/reachable.ts";
import { makeStatement } from "../../../test/support/statements.ts";
import type { CountedCloud } from "./cloud.ts";

export interface Lanes {
  /** So many statements, each of `PER_STATEMENT` purchases, in one batch; the broker must refuse none. */
  sendBatch(statements: number): Promise<void>;
}

/** Purchases of one statement, as many as a merchant lets come together before it proposes one. */
export const PER_STATEMENT = limits.statementAfter;
/** Customers whose statements go in one batch, in turn. */
const CUSTOMERS = 4;

/** Enrols the merchant and its customers, uncounted. */
export async function openLanes({ broker: address, door, clock }: CountedCloud): Promise<Lanes> {
  const broker = reachable(address, door.transport, clock.runtime);
  const merchant = await enrolledPeer(broker, "lanes");
  const customers: TestPeer[] = [];
  for (let i = 0; i < CUSTOMERS; i += 1) customers.push(await enrolledPeer(broker, `lanes-${i}`));
  let stated = 0;
  return {
    sendBatch: async (statements) => {
      const entries: Uint8Array[] = [];
      for (let i = 0; i < statements; i += 1) {
        entries.push(await nextStatement(stated));
        stated += 1;
      }
      const message = await merchant.sign(noticeBatch, { entries });
      const sealed = await merchant.seal(message);
      const { payload } = orThrow(
        await merchant.post("POST /notices", sealed, acknowledgement, "acknowledge"),
      );
      if (payload.refused.length > 0) throw new Error(`the broker refused ${payload.refused.join()}`);
    },
  };

  /** Each customer's lane goes on where its last statement ended: all but the first name the one before. */
  async function nextStatement(index: number): Promise<Uint8Array> {
    const customer = customers[index % CUSTOMERS];
    if (customer === undefined) throw new Error("there is no customer");
    const first = Math.floor(index / CUSTOMERS) * PER_STATEMENT + 1;
    const { bytes } = await makeStatement(
      { network: broker.network, merchant, customer },
      {
        issuedAt: broker.runtime.now(),
        first,
        last: first + PER_STATEMENT - 1,
        total: euro("0.0128"),
        ...(first === 1 ? {} : { previous: merchant.uid }),
      },
    );
    return bytes;
  }
}
