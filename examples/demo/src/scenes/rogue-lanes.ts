/** Mallory attacks a lane: the same items again, other items in their place, and its scrip a second time. */
import { type Order, parseAmount } from "@lepta/protocol";
import { SessionByHand } from "../lane-by-hand.ts";
import { exchangeVendorScrip, readVendorScrip } from "../records.ts";
import type { Rogue } from "../rogue.ts";
import type { Stage } from "../stage.ts";
import { asIs, buyWith } from "../tricks.ts";
import type { Cast } from "./opening.ts";

const article: Order = {
  sku: "article",
  description: "One article",
  unitPrice: parseAmount("EUR 0.02"),
  quantity: 1,
};

/** Mounts the attacks on lanes; the one purchase among them is paid for. */
export async function attackOnLanes(stage: Stage, { news }: Cast, rogue: Rogue): Promise<void> {
  const { teller, cloud, suite } = stage;
  const { store } = stage.accountOf(rogue.uid);
  teller.scene("Attacks on a lane");
  teller.say(`  Mallory opens a session at ${news.name} and writes its items by hand.`);
  const [held] = await readVendorScrip(store, news.merchant.uid);
  if (held === undefined) throw new Error("Mallory has no scrip for a lane");
  const meet = (resumes?: SessionByHand) =>
    SessionByHand.open(store, cloud.pinnedUrl, suite, news.url, resumes);
  const [session, other] = [await meet(), await meet()];
  session.openLane(1, { ...held, secret: new Uint8Array(32) });
  teller.attack("A lane without the CustomerSecret.", news.name, await session.fault(), "bad-proof");
  const lane = session.openLane(2, held);
  await session.opened();
  const item = session.buy(lane, 1, article);
  const answer = await session.sold();
  teller.bought();
  teller.say("  He opens one on his own scrip and buys an article.");

  const soldOnce = (await news.merchant.sales()).length;
  session.replay(item);
  const again = await session.sold();
  const isOnce = (await news.merchant.sales()).length === soldOnce;
  teller.say("  The same purchase sent again, byte for byte.");
  teller.expect("the very same answer comes back, and nothing is sold", isOnce && same(again, answer));

  const shop = await rogue.meet(news.url);
  teller.attack(
    "The lane's scrip a second time, in a purchase signed by itself.",
    news.name,
    await buyWith(rogue, shop, asIs(held), article),
    "in-use",
  );
  shop.channel.close();
  other.openLane(3, held);
  teller.attack(
    "The lane's scrip a second time, on a lane of another session.",
    news.name,
    await other.fault(),
    "in-use",
  );
  session.buy(lane, 1, { ...article, sku: "headline" });
  teller.attack("Another order under its number.", news.name, await session.fault(), "conflict");
  // That fault has ended the lane in this session. What he bought he signs for, or he has no change.
  const last = await meet(session);
  last.resume({ ...lane, secret: new Uint8Array(32) }, item, answer);
  teller.attack(
    "The lane in a new session, without the CustomerSecret.",
    news.name,
    await last.fault(),
    "bad-proof",
  );
  last.resume(lane, item, answer);
  await last.opened();
  await exchangeVendorScrip(store, news.merchant.uid, held, await last.closeLane(lane));
  teller.say("  Mallory closes the lane and signs its statement: his change is in it.");
  last.close();
  other.close();
  session.close();
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(b);
