/** `npm run demo`: plays the three transactions and the attacks on an embedded cloud, and ends with the books. */
import { parseArgs } from "node:util";
import type { SuiteName } from "@lepta/protocol";
import { type Books, total } from "./books.ts";
import { topUp, topUpAgain } from "./scenes/figure-6.ts";
import { type BoughtAtOnce, buyItems } from "./scenes/figure-7.ts";
import { obtainVendorScrip } from "./scenes/figure-8.ts";
import { opening } from "./scenes/opening.ts";
import { showReceipts } from "./scenes/receipts.ts";
import { giveBack } from "./scenes/refund.ts";
import { attackAsCustomer } from "./scenes/rogue-customer.ts";
import { attackOnLanes } from "./scenes/rogue-lanes.ts";
import { attackAsMerchant } from "./scenes/rogue-merchant.ts";
import { swapRoles } from "./scenes/roles-swapped.ts";
import { closeTheBooks, type Told } from "./scenes/the-books.ts";
import { openStage, type Stage } from "./stage.ts";
import { synthesise } from "./synthesise.ts";
import { Teller } from "./teller.ts";

const USAGE = `Usage: npm run demo -- [--json] [--suite default|figure-4 | --bundled]

Plays Lepta's three transactions and the attacks on them, on this machine, with play money.
  --json     the last line is one JSON object with the outcome
  --suite    the cryptographic suite: "default", or "figure-4", the paper's own
  --bundled  the broker's functions are the bundles that \`cdk deploy\` would upload, made anew
`;

interface Options {
  readonly json: boolean;
  readonly suite: SuiteName;
  readonly bundled: boolean;
}

const options = readOptions();
if (options === "help") process.stdout.write(USAGE);
else if (options === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  await run(options);
}

async function run({ json, suite, bundled }: Options): Promise<void> {
  const teller = new Teller();
  const bundles = bundled ? await bundle(teller) : undefined;
  const stage = await openStage(suite, teller, bundles);
  try {
    const played = await play(stage);
    const { books } = played;
    const isGood = books.conserved && teller.disappointments.length === 0;
    tellOutcome(teller, isGood);
    if (json) teller.say(JSON.stringify(outcome(teller, played, suite, isGood)));
    process.exitCode = isGood ? 0 : 1;
  } finally {
    await stage.close();
  }
}

/** The cloud assembly of these sources. What its functions print is telemetry, and their own faults. */
async function bundle(teller: Teller) {
  teller.say("Bundling the broker's functions, as `cdk deploy` would ...");
  const directory = await synthesise();
  teller.say("Done: each runs in a thread of its own, on the environment of the template.");
  const print = (name: string, line: string): void => {
    if (line.includes('"fault"')) process.stderr.write(`${name}: ${line}\n`);
  };
  return { directory, print };
}

/** What came of it. */
interface Played {
  readonly books: Books;
  readonly told: Told;
  readonly atOnce: BoughtAtOnce;
  /** Receipts that were checked. */
  readonly receipts: number;
}

/** The scenes in their order. */
async function play(stage: Stage): Promise<Played> {
  const cast = await opening(stage);
  await topUp(stage, cast);
  await obtainVendorScrip(stage, cast);
  const atOnce = await buyItems(stage, cast);
  const receipts = await showReceipts(stage, cast, atOnce);
  await topUpAgain(stage, cast);
  const later = { ...cast, clara: await swapRoles(stage, cast) };
  const mallory = await attackAsCustomer(stage, later);
  if (stage.suite.name === "default") await attackOnLanes(stage, later, mallory);
  await attackAsMerchant(stage, later, mallory);
  await giveBack(stage, later);
  return { ...(await closeTheBooks(stage)), atOnce, receipts };
}

function tellOutcome(teller: Teller, isGood: boolean): void {
  const attacks = Object.values(teller.refused).reduce((sum, times) => sum + times, 0);
  teller.say("");
  if (isGood)
    teller.say(`All is well: ${teller.purchases} purchases, ${attacks} attacks refused, the books agree.`);
  else for (const each of teller.disappointments) teller.say(`NOT SO: ${each}`);
}

/** The last line of `--json`: amounts in millionths of a euro, as decimal strings. */
function outcome(teller: Teller, { books, told, atOnce, receipts }: Played, suite: SuiteName, ok: boolean) {
  const { broker, merchants, conserved } = books;
  const all = (name: "liveVendorScrip" | "sold" | "refunded"): string =>
    total(merchants.map((sheet) => sheet[name])).toString();
  return {
    ok,
    purchases: teller.purchases,
    // Those that the broker was told of by both sides: each by itself, and under how many statements.
    notices: told.notices,
    underStatements: told.underStatements,
    statements: told.statements,
    atOnce: { purchases: atOnce.purchases.length, milliseconds: atOnce.milliseconds },
    receipts,
    refused: teller.refused,
    books: {
      moneyIn: broker.moneyIn.toString(),
      moneyOut: broker.moneyOut.toString(),
      liveBrokerScrip: broker.liveBrokerScrip.toString(),
      chargedNotMinted: broker.chargedNotMinted.toString(),
      redeemedNotPaid: broker.redeemedNotPaid.toString(),
      owedToMerchants: broker.owedToMerchants.toString(),
      expired: broker.expired.toString(),
      fees: broker.fees.toString(),
      operatorLoss: broker.operatorLoss.toString(),
      liveVendorScrip: all("liveVendorScrip"),
      sold: all("sold"),
      refunded: all("refunded"),
      conserved,
    },
    suite,
  };
}

/** What the command line asks for; undefined where it makes no sense. */
function readOptions(): Options | "help" | undefined {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: "boolean", default: false },
        suite: { type: "string", default: "default" },
        bundled: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    const { json, suite, bundled, help } = values;
    if (help) return "help";
    if (bundled && suite === "figure-4") {
      process.stderr.write("lepta: a deployed broker speaks the default suite only\n");
      return undefined;
    }
    if (suite === "default" || suite === "figure-4") return { json, suite, bundled };
    process.stderr.write(`lepta: --suite ${suite}: there are "default" and "figure-4"\n`);
  } catch (error) {
    // parseArgs throws for what it does not know.
    process.stderr.write(`lepta: ${error instanceof Error ? error.message : String(error)}\n`);
  }
  return undefined;
}
