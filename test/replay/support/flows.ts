/** Full runs of everything that peers do with each other. */
import { abort, query } from "@lepta/protocol";
import { euro, given, orderFor, spendingOf } from "../../peer-sdk/support/hand.ts";
import { returnFlows } from "./returns.ts";
import { meet, PRICE, post, type Stage } from "./stage.ts";

/**
 * Everything that peers do, by its name. What a new flow sends is replayed as soon as it has a line here: what the
 * messages are and where they could go is read from the recording, the routes and the protocol's list of messages.
 */
export const flows: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  "figure 6": async ({ customers }) => {
    for (const { wallet } of customers) await wallet.topUp("EUR 5");
    await given(customers[0]).wallet.topUp("EUR 1");
  },
  "figure 8": async ({ customers, sellers }) => {
    for (const { wallet } of customers) for (const { url } of sellers) await wallet.obtain(url, "EUR 0.50");
    await given(customers[1]).wallet.obtain(given(sellers[0]).url, "EUR 0.25");
  },
  "figure 7": async ({ customers, sellers }) => {
    for (const { wallet } of customers)
      for (const { url } of sellers) {
        await wallet.buy(url, "page", { max: PRICE });
        await wallet.buy(url, "page", { max: "EUR 1", quantity: 3 });
      }
  },
  "refused purchases": async (stage) => {
    for (const customer of stage.customers)
      for (const seller of stage.sellers) {
        const meeting = await meet(stage, customer, seller);
        const spending = spendingOf(await customer.hand.holding(seller.merchant.uid));
        for (const order of [
          orderFor("nothing", PRICE),
          orderFor("page", "EUR 0.01"),
          orderFor("broken", PRICE),
        ])
          await meeting.buy(await meeting.purchase(spending, order));
        await meeting.buy(
          await meeting.purchase(spending, orderFor("page", PRICE), {
            fields: { expiresAt: stage.world.runtime.now() },
          }),
        );
      }
  },
  "refused VendorScrip": async (stage) => {
    for (const customer of stage.customers) {
      const held = await customer.hand.purse();
      for (const seller of stage.sellers) {
        const meeting = await meet(stage, customer, seller);
        await meeting.send((await meeting.obtain(euro("999"), held)).sealed);
        const forged = { ...held, secret: new Uint8Array(32) };
        await meeting.send((await meeting.obtain(euro("1"), forged)).sealed);
      }
    }
  },
  "aborted and asked": async (stage) => {
    const { customers } = stage;
    for (const [i, customer] of customers.entries()) {
      const seller = given(stage.sellers[i % stage.sellers.length]);
      const meeting = await meet(stage, customer, seller);
      const held = await customer.hand.purse();
      const prepared = await meeting.obtain(euro("1"), held);
      const subject = prepared.txn;
      for (const type of [query, abort, query] as const)
        await post(
          customer.hand,
          type.mediaType.includes("abort") ? "/abort" : "/query",
          await customer.hand.sign(type, { to: stage.world.network, initiator: customer.hand.uid, subject }),
        );
      // M1 of what its own customer has aborted: the merchant is told no, and its credit is void.
      await meeting.send(prepared.sealed);
      await post(
        seller.hand,
        "/query",
        await seller.hand.sign(query, { to: stage.world.network, initiator: customer.hand.uid, subject }),
      );
    }
  },
  offers: async ({ customers, sellers }) => {
    for (const { wallet } of customers) for (const { url } of sellers) await wallet.offers(url);
  },
  ...returnFlows,
  notices: async ({ customers, sellers }) => {
    for (const { wallet } of customers) await wallet.flushNotices();
    for (const { merchant } of sellers) await merchant.flushNotices();
  },
};
