/** The end: what came in, what is live, what is owed, party by party, and that it all agrees. */
import { type Books, isAllOwned, readBooks, total } from "../books.ts";
import type { Stage } from "../stage.ts";
import { euros } from "../teller.ts";

/** Purchases of which the broker knows from both sides. */
export interface Told {
  readonly notices: number;
  readonly underStatements: number;
  readonly statements: number;
}

export async function closeTheBooks(stage: Stage): Promise<{ readonly books: Books; readonly told: Told }> {
  const { teller } = stage;
  teller.scene("The books");
  await flushNotices(stage);
  const books = await readBooks(stage);
  tellBroker(stage, books);
  tellMerchants(stage, books);
  tellOwners(stage, books);
  await tellSales(stage);
  return { books, told: await tellNotices(stage) };
}

async function flushNotices(stage: Stage): Promise<void> {
  for (const { wallet, merchant } of stage.accounts()) {
    await wallet?.flushNotices();
    await merchant?.flushNotices();
  }
}

function tellBroker({ teller }: Stage, { broker, merchants }: Books): void {
  const owed = total(merchants.map((sheet) => sheet.owed));
  teller.say("  The broker");
  teller.say(`    money in ${euros(broker.moneyIn)}, money out ${euros(broker.moneyOut)}`);
  teller.say(`    live BrokerScrip ${euros(broker.liveBrokerScrip)}, owed to merchants ${euros(owed)}`);
  teller.say(
    `    charged and not minted ${euros(broker.chargedNotMinted)}, redeemed and not paid ` +
      `${euros(broker.redeemedNotPaid)}, expired ${euros(broker.expired)}`,
  );
  teller.say(`    fees ${euros(broker.fees)}, operator's loss ${euros(broker.operatorLoss)}`);
  teller.expect("money in less money out is the sum of the rest", broker.conserved);
  teller.expect("what the broker owes is what the merchants are owed", broker.owedToMerchants === owed);
}

function tellMerchants({ teller }: Stage, { merchants }: Books): void {
  for (const { name, owed, liveVendorScrip, sold, refunded, expired, agrees } of merchants) {
    teller.say(`  ${name} as a merchant`);
    teller.say(`    is owed ${euros(owed)} by the broker for the VendorScrip that it issued`);
    teller.say(
      `    live VendorScrip ${euros(liveVendorScrip)}, sold ${euros(sold)}, given back ${euros(refunded)}, ` +
        `expired ${euros(expired)}`,
    );
    teller.expect("all that it ever issued is the sum of these", agrees);
  }
}

function tellOwners({ teller }: Stage, { broker, merchants, owners }: Books): void {
  teller.say("  What wallets hold, beside what the issuers say is live for them");
  for (const { name, kind, issuer, held, live, agrees } of owners)
    teller.expect(`${name} holds ${kind} of ${issuer}: ${euros(held)}, and ${euros(live)} is live`, agrees);
  teller.expect("no other scrip is live anywhere", isAllOwned(broker, merchants, owners));
}

async function tellSales({ teller, accounts }: Stage): Promise<void> {
  const sales = (await Promise.all(accounts().map(({ merchant }) => merchant?.sales() ?? []))).flat();
  const sold = sales.filter(({ ok }) => ok).length;
  teller.say("  Purchases and notices");
  teller.expect(
    `${teller.purchases} purchases, and ${sold} sales booked by merchants`,
    sold === teller.purchases,
  );
}

/** Every purchase was told by both sides; of Mallory's copies no merchant keeps anything, so nobody tells of them. */
async function tellNotices({ teller, cloud }: Stage): Promise<Told> {
  const pairs = (await cloud.items()).filter(({ key }) => key.pk.startsWith("PAIR#"));
  const isStatement = ({ key }: (typeof pairs)[number]) => key.sk.startsWith("STATEMENT#");
  const alike = pairs.filter(({ item }) => item.state === "matched");
  const notices = alike.filter((each) => !isStatement(each)).length;
  const places = alike.filter(isStatement).map(({ key: { pk, sk } }) => {
    const [, lane, last] = sk.split("#");
    return { lane: `${pk}#${lane}`, last: Number(last) };
  });
  // Statements of a lane go on where the one before ended, from its first purchase on.
  const lanes = new Map<string, number>();
  for (const { lane, last } of places) lanes.set(lane, Math.max(last, lanes.get(lane) ?? 0));
  const underStatements = [...lanes.values()].reduce((sum, last) => sum + last, 0);
  const told = { notices, underStatements, statements: places.length };
  const onLanes = places.length === 0 ? "" : `, of ${underStatements} under ${places.length} statements`;
  teller.expect(
    `the broker was told by both sides alike of ${notices} one by one${onLanes}`,
    notices + underStatements === teller.purchases,
  );
  teller.expect("of none by one side only, and of none differently", alike.length === pairs.length);
  return told;
}
