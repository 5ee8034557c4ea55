/** Every flow of the protocol, with real wallets and merchants, against a broker behind its HTTP front. */
import type { EmbeddedCloud } from "@lepta/local";
import {
  type BrokerTransport,
  type ConnectChannel,
  httpTransport,
  LeptaError,
  Merchant,
  memoryPeerStore,
  type PartyOptions,
  type Visit,
  Wallet,
} from "@lepta/peer-sdk";
import { noticeBatch, orThrow } from "@lepta/protocol";
import { channelTo, codeOf, DAY, MINUTE, NEVER, type WorldRuntime } from "../../peer-sdk/support/world.ts";
import { authorise, enrolledPeer, euro, makeSale, type Reachable, tell } from "../../support/peer.ts";
import { reachable } from "../../support/reachable.ts";
import { claim, makeClaim, makeReversal, reverse as reclaim } from "../../support/returns.ts";
import { makeStatement } from "../../support/statements.ts";

const catalogue = { article: { price: "EUR 0.02", deliver: () => "text" } };
const NEWS = "ws://news.example/pay";

/** Runs them all: the broker must mint against no more than EUR 1.00 that can be recalled. */
export async function runEveryFlow(cloud: EmbeddedCloud, runtime: WorldRuntime): Promise<void> {
  const town = peers(cloud, runtime);
  try {
    for (const flow of [obtain, buyAndReturn, reverse, state, failHalfway, settle, restore, growOld])
      await flow(town);
  } finally {
    await town.close();
  }
}

interface Town {
  readonly runtime: WorldRuntime;
  readonly wallet: (account: string, more?: Partial<PartyOptions>) => Promise<Wallet>;
  readonly merchant: (url: string, account: string, transport?: BrokerTransport) => Promise<Merchant>;
  readonly restored: (phrase: string) => Promise<Wallet>;
  readonly places: Map<string, () => Visit>;
  readonly close: () => Promise<void>;
  /** For peers without a wallet. */
  readonly broker: Reachable;
  /** Time passes, and the schedules run as they do every few minutes. */
  readonly wait: (milliseconds: number) => Promise<void>;
}

function peers(cloud: EmbeddedCloud, runtime: WorldRuntime): Town {
  const closers: (() => Promise<void>)[] = [];
  const places = new Map<string, () => Visit>();
  const connect: ConnectChannel = async (url) => {
    const place = places.get(url);
    if (place === undefined) throw new LeptaError("unreachable", url);
    return channelTo(place(), () => places.get(url) === place);
  };
  const common = { broker: cloud.pinnedUrl, runtime, noticeDelay: NEVER };
  const wait = async (milliseconds: number): Promise<void> => {
    runtime.advance(milliseconds);
    await cloud.runSchedules();
  };
  return {
    runtime,
    places,
    wait,
    broker: reachable(cloud.pinnedUrl, httpTransport, runtime),
    wallet: async (account, more) => {
      const wallet = await Wallet.open({ ...common, store: memoryPeerStore(), connect, account, ...more });
      closers.push(() => wallet.close());
      return wallet;
    },
    merchant: async (url, account, transport) => {
      const carried = transport === undefined ? {} : { transport };
      const merchant = await Merchant.open({
        ...common,
        ...carried,
        store: memoryPeerStore(),
        catalogue,
        account,
      });
      closers.push(() => merchant.close());
      places.set(url, () => merchant.visit());
      return merchant;
    },
    restored: async (phrase) => {
      const { wallet } = await Wallet.restore({ ...common, store: memoryPeerStore(), connect, phrase });
      closers.push(() => wallet.close());
      return wallet;
    },
    close: async () => {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}

/** Figure 6 with every kind of account. */
async function obtain({ wallet, wait, runtime }: Town): Promise<void> {
  await (await wallet("ann")).topUp("EUR 1.00");
  await codeOf((await wallet("ben+declined")).topUp("EUR 1.00"));
  const unknown = await wallet("cat+unknown");
  await codeOf(unknown.topUp("EUR 1.00"));
  await wait(MINUTE / 2);
  await unknown.resume();
  await codeOf(unknown.redeem("EUR 0.50"));
  await wait(MINUTE);
  await unknown.resume();
  // The bank heard nothing, and the customer does not ask again: only the schedule does.
  let isGone = false;
  const transport: BrokerTransport = async (method, url, body) => {
    if (isGone) throw new LeptaError("unreachable", url);
    const answer = await httpTransport(method, url, body);
    isGone = url.endsWith("/brokerscrip");
    return answer;
  };
  await codeOf((await wallet("dan+lost", { transport })).topUp("EUR 1.00"));
  await wait(MINUTE / 2);
  // The first takes up all that may be minted against recallable money; the second has to wait until it is taken back.
  await (await wallet("eve+recalled")).topUp("EUR 1.00");
  runtime.advance(50_000);
  const second = await wallet("fay+recallable");
  await codeOf(second.topUp("EUR 0.80"));
  await wait(11_000);
  await wait(1);
  await second.resume();
  await wait(2 * MINUTE);
  const closed = await wallet("hal+closed");
  await closed.topUp("EUR 1.00");
  await codeOf(closed.redeem("EUR 0.50"));
}

/** Figures 8 and 7, the notices of both, the ways back of what was not spent. */
async function buyAndReturn({ wallet, merchant, wait }: Town): Promise<void> {
  const shop = await merchant(NEWS, "news");
  const alice = await wallet("alice");
  await alice.topUp("EUR 5.00");
  const { receipt } = await alice.buy(NEWS, "article", { max: "EUR 0.02", vendorScrip: "EUR 1.00" });
  await alice.flushNotices();
  await shop.flushNotices();
  await shop.refund(alice.uid, receipt.txn);
  await alice.collect(NEWS);
  await alice.refund(NEWS);
  await alice.redeem("EUR 1.00");
  await alice.renew();
  // Only the customer tells of this one: it waits for its other side until it is flagged.
  await alice.buy(NEWS, "article", { max: "EUR 0.02", vendorScrip: "EUR 1.00" });
  await alice.flushNotices();
  await wait(8 * DAY);
}

/** Reversals: answered with a claim, and by silence. */
async function reverse({ wallet, merchant, places, wait }: Town): Promise<void> {
  const place = "ws://shut.example/pay";
  const shop = await merchant(place, "shut");
  const carol = await wallet("carol");
  await carol.topUp("EUR 5.00");
  await carol.buy(place, "article", { max: "EUR 0.02", vendorScrip: "EUR 1.00" });
  await codeOf(carol.reclaim(shop.uid));
  await shop.tend();
  await carol.resume();
  await carol.obtain(place, "EUR 1.00");
  const visit = places.get(place) ?? (() => shop.visit());
  places.delete(place);
  await codeOf(carol.reclaim(shop.uid));
  await wait(DAY + 1);
  await carol.resume();
  places.set(place, visit);
  await shop.tend();
}

/** Statements: of both sides, of one that is flagged, asked about, and as evidence of what a merchant sold beyond it. */
async function state({ broker, wait, runtime }: Town): Promise<void> {
  const [lena, stand] = [await enrolledPeer(broker, "lena"), await enrolledPeer(broker, "stand")];
  const sale = await makeSale(lena, stand, runtime.now(), {
    amount: euro("0.30"),
    held: await lena.fund(euro("1.00")),
  });
  await authorise(broker, sale);
  const lane = { network: broker.network, merchant: stand, customer: lena, scrip: sale.v0.body.id };
  const both = await makeStatement(lane, { total: euro("0.20"), remaining: euro("0.10") });
  const one = await makeStatement(lane, { first: 129, last: 256 }, { merchant: stand });
  const batch = await stand.sign(noticeBatch, { entries: [both.bytes, one.bytes] });
  await tell(stand, "POST /notices", await stand.seal(batch));
  await lena.query(lena.uid, both.purchase(1), stand.uid);
  await reclaim(lena, await makeReversal(lena, stand.uid, sale.txn));
  const claimed = {
    customer: lena.uid,
    subject: sale.txn,
    claimed: euro("0.25"),
    evidence: both.bytes,
  };
  const { payload } = orThrow(await claim(stand, await makeClaim(stand, claimed)));
  if (payload.amount.value !== 50_000n) throw new Error("the merchant was not left what it claimed");
  await wait(8 * DAY);
}

/** What breaks off is aborted: by the customer where the merchant is silent, by the merchant where the broker was. */
async function failHalfway({ wallet, merchant }: Town): Promise<void> {
  const place = "ws://slow.example/pay";
  let away = "";
  const transport: BrokerTransport = (method, url, body) =>
    away !== "" && url.endsWith(away)
      ? Promise.reject(new LeptaError("unreachable", url))
      : httpTransport(method, url, body);
  const shop = await merchant(place, "slow", transport);
  const dave = await wallet("dave");
  await dave.topUp("EUR 5.00");
  away = "/authorise";
  await codeOf(dave.obtain(place, "EUR 1.00"));
  await shop.tend().catch(() => undefined);
  away = "";
  await dave.resume();
  await shop.tend();
  await dave.obtain(place, "EUR 1.00");
  away = "/refund";
  await codeOf(dave.refund(place));
  away = "";
  await dave.resume();
  await shop.tend();
}

/** What a merchant is owed becomes money: at once, in a second attempt, or not. */
async function settle({ wallet, merchant, wait }: Town): Promise<void> {
  const gina = await wallet("gina");
  await gina.topUp("EUR 5.00");
  const shops: Merchant[] = [];
  for (const account of ["paid", "paid+unknown", "paid+lost", "paid+closed"]) {
    const place = `ws://${account.replace("+", "-")}.example/pay`;
    shops.push(await merchant(place, account));
    await gina.obtain(place, "EUR 1.00");
  }
  await wait(4 * DAY);
  for (const shop of shops) await codeOf(shop.settle());
  await wait(MINUTE);
  for (const shop of shops) await shop.tend();
}

/** A device is lost, and its wallet comes back from its phrase. */
async function restore({ wallet, restored, runtime }: Town): Promise<void> {
  const lost = await wallet("henry");
  await lost.topUp("EUR 5.00");
  await lost.obtain(NEWS, "EUR 1.00");
  const phrase = await lost.recoveryPhrase();
  await lost.close();
  runtime.advance(1);
  await (await restored(phrase)).buy(NEWS, "article", { max: "EUR 0.02" });
}

/** Keys rotate, old ones go, and scrip near its end is renewed. */
async function growOld({ wallet, wait }: Town): Promise<void> {
  const store = memoryPeerStore();
  const judy = await wallet("judy", { store });
  await judy.topUp("EUR 5.00");
  await judy.close();
  await wait(100 * DAY);
  await wait(260 * DAY);
  await (await wallet("judy", { store })).renew();
}
