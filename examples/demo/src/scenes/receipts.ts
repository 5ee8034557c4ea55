/** Receipts: each purchase is proved to somebody who knows the root key's thumbprint and nothing else. */
import { isRefusal, orThrow, type VerifiedReceipt, verifyReceipt } from "@lepta/protocol";
import type { Stage } from "../stage.ts";
import { euros } from "../teller.ts";
import type { BoughtAtOnce } from "./figure-7.ts";
import type { Cast } from "./opening.ts";

export async function showReceipts(
  { teller, cloud, suite }: Stage,
  { clara, news }: Cast,
  { purchases }: BoughtAtOnce,
): Promise<number> {
  teller.scene("Receipts");
  const files = await Promise.all(purchases.map((txn) => clara.wallet.receipt(txn)));
  const verify = (file: Uint8Array) => verifyReceipt(file, cloud.network, { suite, now: Date.now() });
  const said: VerifiedReceipt[] = [];
  for (const file of files) said.push(orThrow(await verify(file)));
  const isSo = said.every(
    ({ ok, txn, customer, merchant, order, charged }, i) =>
      ok &&
      txn === purchases[i] &&
      customer === clara.wallet.uid &&
      merchant === news.merchant.uid &&
      charged.value === 500n * BigInt(order.quantity),
  );
  const statements = new Set(said.flatMap(({ place }) => place?.statement ?? []));
  teller.say("  Anybody checks one offline, with the root key's thumbprint and nothing else.");
  teller.expect(`each of the ${said.length} purchases of headlines has one`, isSo);
  if (suite.name === "default")
    teller.expect(
      `both have signed ${statements.size} statement${statements.size === 1 ? "" : "s"} over them all`,
      statements.size > 0 && statements.size < said.length,
    );
  const [file = new Uint8Array(), first] = [files[0], said[0]];
  const altered = file.slice();
  const at = Math.floor(file.length / 2);
  altered.set([(file[at] ?? 0) ^ 1], at);
  const refused = await verify(altered);
  const code = isRefusal(refused) ? refused.code : "accepted";
  teller.say(
    `  The first: ${first?.order.quantity} x ${first?.order.sku} for ${euros(first?.charged.value ?? 0n)}, ${file.length.toLocaleString("en")} bytes.`,
  );
  teller.expect(
    `with one bit of byte ${at.toLocaleString("en")} altered it proves nothing: ${code}`,
    code !== "accepted",
  );
  return said.length;
}
