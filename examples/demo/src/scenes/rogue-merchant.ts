/** Rook attacks as a merchant: it sells honestly once, keeps a copy of every byte, and tries to be paid again. */
import { Merchant, memoryPeerStore, type Wallet } from "@lepta/peer-sdk";
import { isRefusal, type Verified, vendorscripRequest } from "@lepta/protocol";
import { copyingTransport, type Exchange, serveCopying } from "../eavesdropper.ts";
import { Rogue, randomId } from "../rogue.ts";
import type { Stage } from "../stage.ts";
import { euros } from "../teller.ts";
import { collectWith, openAuthorization } from "../tricks.ts";
import type { Cast } from "./opening.ts";

/** What Rook has after one honest figure 8. */
interface Copies {
  readonly rook: Rogue;
  /** M2 as it went to the broker, and M4 as it came back. */
  readonly authorization: Exchange;
  /** M1 as the customer sent it: opened, since it was sealed to Rook. */
  readonly request: Opened;
  /** The part of M1 for the broker, still sealed to it. */
  readonly part: Uint8Array;
}

type Opened = Pick<Verified<typeof vendorscripRequest>, "payload" | "attachments">;

/** Mounts the attacks of a merchant and its accomplice. */
export async function attackAsMerchant(stage: Stage, { clara }: Cast, accomplice: Rogue): Promise<void> {
  const { teller } = stage;
  teller.scene("Attacks of a merchant");
  const copies = await sellOnce(stage, clara.wallet);
  const before = (await stage.brokerBooks()).owedToMerchants;
  await replay(stage, copies);
  await collectAgain(stage, clara.wallet, copies, accomplice);
  const after = (await stage.brokerBooks()).owedToMerchants;
  teller.expect(`the broker owes merchants ${euros(after)}, as before: no money moved`, before === after);
}

/** Clara obtains VendorScrip of Rook as of any merchant, and Rook keeps what it saw. */
async function sellOnce(stage: Stage, customer: Wallet): Promise<Copies> {
  const { teller, cloud, suite } = stage;
  const toBroker: Exchange[] = [];
  const fromCustomers: Uint8Array[] = [];
  const store = memoryPeerStore();
  const merchant = await Merchant.open({
    store,
    broker: cloud.pinnedUrl,
    suite,
    transport: copyingTransport(toBroker),
    catalogue: { trinket: { price: "EUR 0.01", deliver: () => "a trinket" } },
  });
  stage.atEnd(() => merchant.close());
  stage.enter({ name: "Rook", uid: merchant.uid, store, merchant });
  const { url, close } = await serveCopying(merchant, fromCustomers);
  stage.atEnd(close);
  await customer.obtain(url, "EUR 0.05");
  teller.say("  Clara turns EUR 0.05 into VendorScrip of Rook, an enrolled merchant that copies every byte.");

  const rook = await Rogue.open(store, cloud.url, suite);
  const authorization = toBroker.find((exchange) => exchange.url.endsWith("/authorise"));
  const request = await findRequest(rook, fromCustomers);
  const [part] = request.attachments;
  if (authorization === undefined || part === undefined) throw new Error("Rook has not seen a figure 8");
  return { rook, authorization, request, part };
}

/** The recorded M2 again: no refusal, but the very decision that was made then, and no second payment. */
async function replay({ teller }: Stage, { rook, authorization }: Copies): Promise<void> {
  const then = (await openAuthorization(rook, authorization.received)).payload;
  const now = (await openAuthorization(rook, await rook.post("/authorise", authorization.sent))).payload;
  teller.say("  An old authorization replayed: Rook posts the recorded bytes of M2 again.");
  teller.say(`    answered ${now.ok ? "ok" : now.reason}, signed: not a refusal, but nothing new either`);
  teller.expect(
    `the very decision of ${new Date(then.decidedAt).toISOString()} comes back`,
    now.ok === then.ok && now.request === then.request && now.decidedAt === then.decidedAt,
  );
}

/** The customer's old part for B in authorizations that she knows nothing of. */
async function collectAgain(
  { teller }: Stage,
  customer: Wallet,
  { rook, request, part }: Copies,
  accomplice: Rogue,
): Promise<void> {
  const { txn, amount } = request.payload;
  const claim = { txn, customer: customer.uid, amount };
  teller.attack(
    "An old authorization replayed: Clara's part for B again, for another VendorScrip of Rook's.",
    "the broker",
    await collectWith(rook, part, claim),
    "conflict",
  );
  teller.attack(
    "An old authorization replayed: Clara's part for B under the name of a new transaction.",
    "the broker",
    await collectWith(rook, part, { ...claim, txn: randomId() }),
    "refused",
  );
  teller.attack(
    "An old authorization replayed: Clara's part for B, collected by Mallory as if she had paid him.",
    "the broker",
    await collectWith(accomplice, part, claim),
    "refused",
  );
}

/** M1 of figure 8 among what customers sent. */
async function findRequest(rook: Rogue, copies: readonly Uint8Array[]): Promise<Opened> {
  for (const bytes of copies) {
    const opened = await rook.tryOpen(bytes, vendorscripRequest);
    if (!isRefusal(opened)) return opened;
  }
  throw new Error("no customer sent a request for VendorScrip");
}
