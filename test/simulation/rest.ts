/** Coming to rest: no more faults, everybody open again, what was left under way brought to its end. */
import { LeptaError } from "@lepta/peer-sdk";
import { merchantTables } from "@lepta/peer-sdk/records";
import type { CustomerSide } from "./peers.ts";
import { episode as sizes } from "./rates.ts";
import type { Scene } from "./scene.ts";
import type { Findings } from "./violation.ts";

/** Lets what is under way end, opens everybody again and resumes until nothing changes. */
export async function comeToRest(scene: Scene, findings: Findings): Promise<void> {
  const { weather, clock, customers, merchants } = scene;
  weather.isCalm = true;
  const isIdle = () => customers.every(({ busy, isOpening }) => busy === 0 && !isOpening);
  if (!(await clock.run(isIdle, sizes.rest))) {
    const who = customers.find(({ busy, isOpening }) => busy > 0 || isOpening);
    findings.stuck += 1;
    findings.broken("everything ends", `${who?.name} is still busy ${sizes.rest} ms later`);
    return;
  }
  // Some end in good order, which closes their lanes. Some come up again and take up what they left; the others are told to resume.
  for (const [index, customer] of customers.entries()) {
    if (index % RESTARTS !== 1 || !customer.isOpen) continue;
    await within(scene, findings, quietly(customer.wallet.close()));
    customer.life.die("closed");
  }
  for (const [index, peer] of [...merchants, ...customers].entries())
    if (index % RESTARTS === 0) peer.life.die("restart");
  let before = "";
  for (let round = 0; round < sizes.rounds; round += 1) {
    await within(scene, findings, settle(scene));
    await clock.run(() => false, ROUND);
    const after = scene.ledger.digest();
    if (after === before && round >= 2) return;
    before = after;
  }
}

/** One in so many. */
const RESTARTS = 3;

/** Between two rounds every request that was left expires. */
const ROUND = 6 * 60 * 1000;

async function settle({ broker, customers, merchants }: Scene): Promise<void> {
  await broker.rotate();
  await broker.finish();
  for (const merchant of merchants) {
    // A restart is how a merchant takes up what it left.
    const tables = merchantTables(merchant.disk);
    const isLeft = (await tables.sent.list({ limit: 1 })).length > 0;
    if (isLeft) merchant.life.die("restart");
    await merchant.open();
    if (merchant.isOpen) await quietly(merchant.merchant.tend());
  }
  for (const customer of customers) {
    await customer.open();
    if (!customer.isOpen) continue;
    await quietly(customer.wallet.resume());
    for (const url of customer.toCollect) await quietly(collect(customer, url));
    // A merchant was away when the wallet was restored: its owner asks again. What is on the rail's way comes by itself.
    if (customer.isIncomplete) await quietly(customer.recover());
    await quietly(customer.wallet.flushNotices());
  }
  for (const merchant of merchants) if (merchant.isOpen) await quietly(merchant.merchant.flushNotices());
}

async function collect(customer: CustomerSide, url: string): Promise<void> {
  // While something is under way with a merchant nothing is taken from it.
  const isBusy = (await customer.wallet.pending()).length > 0;
  await customer.wallet.collect(url);
  if (!isBusy) customer.toCollect.delete(url);
}

async function within({ clock }: Scene, findings: Findings, work: Promise<void>): Promise<void> {
  let isOver = false;
  let failure: unknown;
  work
    .catch((error: unknown) => {
      failure = error;
    })
    .finally(() => {
      isOver = true;
    });
  if (!(await clock.run(() => isOver, sizes.rest)))
    findings.broken("everything ends", "coming to rest takes too long");
  if (failure !== undefined) throw failure;
}

async function quietly(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof LeptaError)) throw error;
  }
}
