/** `books`: the function `reconcile` reads the whole table, some pages at a time, and says whether the money balances. */
import type { Deployment } from "@lepta/lambdas/deployment";
import { formatAmount } from "@lepta/protocol";
import { columns, type Paint, type Report } from "../report.ts";
import type { Cloud } from "./cloud.ts";
import { AdminFault } from "./fault.ts";
import { invoke } from "./invoke.ts";

/** A busy table is never still: its items are compared one by one, and the sums are of no one moment. */
const UNJUDGED =
  "Nothing is wrong with any item. Transactions were decided meanwhile, so whether the sums balance was not judged: " +
  "run it again at a quieter time.";

/** Each turn is minutes of reading: more turns than these never end. */
const MOST_TURNS = 10_000;

/** Invokes it until it is done; `progress` is told after each turn that was not the last. */
export async function showBooks(
  cloud: Cloud,
  deployment: Deployment,
  paint: Paint,
  progress: (turns: number) => void = () => {},
): Promise<Report> {
  const answer = await reconcile(cloud, deployment, progress);
  const { books, findings, more, judged } = answer;
  if (typeof books !== "object" || books === null || !Array.isArray(findings))
    throw new AdminFault("The function reconcile answered no books.");
  const sums = Object.entries(books as Readonly<Record<string, Readonly<Record<string, unknown>>>>).flatMap(
    ([currency, each]) => [
      currency,
      ...columns(
        Object.entries(each).map(([name, value]) => [
          `  ${words(name)}`,
          shown(currency, value, judged !== false),
        ]),
      ),
    ],
  );
  const found = (findings as readonly { readonly name?: unknown; readonly key?: unknown }[]).map(
    ({ name, key }) =>
      `${paint.bad("wrong")}  ${String(name)}  ${typeof key === "string" ? key : JSON.stringify(key)}`,
  );
  if (typeof more === "number" && more > 0) found.push(`${paint.bad("wrong")}  and ${more} more`);
  const verdict =
    found.length === 0
      ? paint.good(judged === false ? UNJUDGED : "The books balance.")
      : paint.bad(
          `${found.length} ${found.length === 1 ? "finding" : "findings"}: docs/operate.md says what to do.`,
        );
  return { good: found.length === 0, lines: [...sums, "", ...found, verdict], json: answer };
}

async function reconcile(cloud: Cloud, deployment: Deployment, progress: (turns: number) => void) {
  let event: Readonly<Record<string, unknown>> = {};
  for (let turn = 1; turn <= MOST_TURNS; turn += 1) {
    event = await invoke(cloud, deployment, "reconcile", event);
    if (event.done === true) return event;
    if (event.done !== false) throw new AdminFault("The function reconcile did not say whether it is done.");
    progress(turn);
  }
  throw new AdminFault(`The function reconcile was not done after ${MOST_TURNS} turns.`);
}

/** Decimal millionths as an amount; anything else as it is. */
function shown(currency: string, value: unknown, isJudged: boolean): string {
  if (typeof value === "boolean") return isJudged ? (value ? "yes" : "no") : "not judged";
  if (typeof value !== "string" || !/^-?\d{1,40}$/.test(value)) return JSON.stringify(value);
  const sum = BigInt(value);
  return sum < 0n
    ? `−${formatAmount({ currency, value: -sum })}`
    : ` ${formatAmount({ currency, value: sum })}`;
}

/** `liveBrokerScrip` → `live BrokerScrip`. */
const words = (name: string): string =>
  name
    .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .replaceAll(
      /(broker|vendor) scrip/g,
      (_, issuer: string) => `${issuer === "broker" ? "Broker" : "Vendor"}Scrip`,
    );
