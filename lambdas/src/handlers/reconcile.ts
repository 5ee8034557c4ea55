/** The function `reconcile`, once a day: checks the whole table against itself, and writes nothing. */
import { amountOf } from "@lepta/protocol";
import type { ReconcileAnswer } from "../operations.ts";
import { reconcile } from "../pipeline/reconcile.ts";
import type { Progress } from "../pipeline/reconcile-progress.ts";
import { reconciliationOf } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { type ScheduledHandler, scheduledHandler } from "./scheduled.ts";

/** The event is what the last call answered; any other begins a run. */
export const createReconcile: Factory<ScheduledHandler<ReconcileAnswer>> = (wiring) => {
  const { observer } = wiring;
  const ports = reconciliationOf(wiring);
  return scheduledHandler(observer, "reconcile", async (event) => {
    const outcome = await reconcile(ports, progressOf(event));
    if (!outcome.done) return outcome;
    const { books, findings, more, items } = outcome;
    for (const { name, key } of findings)
      observer.log({ route: "reconcile", outcome: name, fault: `${key.pk} / ${key.sk}` });
    if (more > 0)
      observer.log({ route: "reconcile", outcome: "more", fault: "findings not named", count: more });
    observer.log({ route: "reconcile", outcome: "read", count: items });
    observer.count("findings", findings.length + more);
    const { currency } = wiring.environment.policy;
    observer.money("liveBrokerScrip", amountOf(currency, books.liveBrokerScrip));
    observer.money("owedToMerchants", amountOf(currency, books.owedToMerchants));
    const spelled = Object.entries(books).map(([name, value]) => [
      name,
      typeof value === "bigint" ? value.toString() : value,
    ]);
    return { ...outcome, books: { [currency]: Object.fromEntries(spelled) } };
  });
};

/** Only the deployment's own state machine calls: what it hands on is what we answered. */
function progressOf(event: unknown): Progress | undefined {
  const { done, progress } = (event ?? {}) as { readonly done?: unknown; readonly progress?: Progress };
  return done === false ? progress : undefined;
}

export const handler = entry(createReconcile);
