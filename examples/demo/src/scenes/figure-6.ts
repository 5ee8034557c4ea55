/** Figure 6, obtain BrokerScrip: the first time, and while one is live. */
import { keys } from "@lepta/lambdas";
import { parseAmount } from "@lepta/protocol";
import { bodyOf, readPurse } from "../records.ts";
import type { Stage } from "../stage.ts";
import { euros } from "../teller.ts";
import type { Cast } from "./opening.ts";

/** Clara's first BrokerScrip. */
export async function topUp({ teller }: Stage, { clara }: Cast): Promise<void> {
  teller.scene("Figure 6: obtain BrokerScrip");
  await clara.wallet.topUp("EUR 5.00");
  const { brokerScrip } = await clara.wallet.balance();
  teller.say("  Clara's account is charged EUR 5.00.");
  teller.expect(`Clara holds one BrokerScrip of ${brokerScrip}`, brokerScrip === "EUR 5.00");
}

/** More of it while one is live: one scrip of the sum takes the old one's place. */
export async function topUpAgain(stage: Stage, { clara }: Cast): Promise<void> {
  const { teller, cloud } = stage;
  teller.scene("Figure 6 again: a top-up that replaces a live BrokerScrip");
  const { uid, store } = stage.accountOf(clara.wallet.uid);
  const before = await readPurse(store);
  await clara.wallet.topUp("EUR 2.00");
  const after = await readPurse(store);
  if (before === undefined || after === undefined) throw new Error("Clara has no BrokerScrip");
  const [old, fresh] = [bodyOf(before), bodyOf(after)];
  const sum = old.value.value + parseAmount("EUR 2.00").value;
  teller.say(`  Clara's account is charged EUR 2.00 while she holds ${euros(old.value.value)}.`);
  teller.expect(
    `one BrokerScrip of ${euros(fresh.value.value)} lives in its place`,
    fresh.value.value === sum && fresh.id !== old.id && fresh.parent === old.id,
  );
  const [tombstone] = await cloud.wiring.store.get([keys.tombstone(uid, old.id)]);
  teller.expect("the broker keeps a tombstone of the old one, and no secrets", tombstone !== undefined);
}
