/** What a month costs: what runs by the clock and stands ready, and what purchases add, in proportion to their number. */
import { schedules } from "@lepta/lambdas";
import type { Assumptions } from "./assumptions.ts";
import { type Counts, plus, times, zero } from "./counts.ts";
import { addDollars, type Dollars, dollars, multiplyDollars, priceOf, totalDollars } from "./dollars.ts";
import type { Counted, FlowName } from "./flows.ts";
import type { Prices } from "./prices.ts";

export interface Estimate {
  readonly perMillionPurchases: Dollars;
  /** The parts of it. */
  readonly parts: Readonly<Record<Part, Dollars>>;
  /** Of a million purchases' notices alone. */
  readonly notices: { readonly single: Dollars; readonly batch: Dollars };
  /** Of a million purchases on lanes: their statements in batches of a thousand purchases, and in the largest batches. */
  readonly statements: { readonly batch: Dollars; readonly full: Dollars };
  /** Figure 8 with its intent, and a credit's part of a full settlement. */
  readonly perThousandVendorScrip: Dollars;
  /** Without a single request. */
  readonly idlePerMonth: Dollars;
  /** Beyond it, in a month with requests in every hour, however many: metrics, and keys that are read again. */
  readonly inUsePerMonth: Dollars;
  /** What each further month of a million purchases costs that the table still holds. */
  readonly perFurtherMonthKept: Dollars;
}

export type Part = "notices" | "vendorScrip" | "customers" | "merchants";

const MILLION = 1e6;
const DAYS_PER_MONTH = 365 / 12;
/** Functions that answer requests keep their keys for so long before they read them again, in minutes. */
const KEYS_FOR = 1;

/** The estimate from what was counted. */
export function estimate(counted: Counted, prices: Prices, assumptions: Assumptions): Estimate {
  const { flows, cold } = counted;
  const { purchasesPerVendorScrip, purchasesPerCustomer, purchasesPerMerchant } = assumptions;
  const of = (name: FlowName, factor = 1): Counts => times(flows[name].counts, factor);
  const price = (counts: Counts, a = assumptions): Dollars => priceOf(counts, cold, prices, a);
  const million = (counts: Counts, perUnit = 1): Dollars => price(times(counts, MILLION / perUnit));

  const vendorScrip = plus(of("vendorScrip"), of("settlement", 1 / counted.settledCredits));
  const customer = plus(
    of("customerDay", assumptions.daysPerCustomer),
    of("customerEnrolment", assumptions.newPeers),
    of("topUp", assumptions.topUpsPerCustomer),
    of("redemption", assumptions.redemptionsPerCustomer),
  );
  const merchant = plus(
    of("merchantDay", DAYS_PER_MONTH),
    of("merchantHour", assumptions.hoursPerMonth),
    of("merchantEnrolment", assumptions.newPeers),
  );
  const notices = { single: million(of("singleNotices")), batch: million(of("batchedNotices")) };
  const parts = {
    notices: notices.batch,
    vendorScrip: million(vendorScrip, purchasesPerVendorScrip),
    customers: million(customer, purchasesPerCustomer),
    merchants: million(merchant, purchasesPerMerchant),
  };
  const kept = (keptMonths: number): Dollars =>
    price(
      times(
        {
          ...zero,
          storedBytes:
            of("batchedNotices").storedBytes +
            vendorScrip.storedBytes / purchasesPerVendorScrip +
            customer.storedBytes / purchasesPerCustomer +
            merchant.storedBytes / purchasesPerMerchant,
        },
        MILLION,
      ),
      { ...assumptions, keptMonths },
    );
  return {
    perMillionPurchases: addDollars(...Object.values(parts)),
    parts,
    notices,
    statements: { batch: million(of("statements")), full: million(of("statementsInFull")) },
    perThousandVendorScrip: price(times(vendorScrip, 1000)),
    idlePerMonth: idle(counted, prices, assumptions),
    inUsePerMonth: inUse(counted, prices, assumptions),
    perFurtherMonthKept: kept(1),
  };
}

/** The month's bill for so many purchases. */
export const monthOf = (
  { perMillionPurchases, idlePerMonth, inUsePerMonth }: Estimate,
  purchases: number,
): Dollars =>
  addDollars(
    idlePerMonth,
    purchases > 0 ? inUsePerMonth : dollars({}),
    multiplyDollars(perMillionPurchases, purchases / MILLION),
  );

/** How much more single notices cost than those in batches. */
export const noticeRatio = ({ notices }: Estimate): number =>
  totalDollars(notices.single) / totalDollars(notices.batch);

function idle(
  { schedules: counted, cold, scheduleMetrics }: Counted,
  prices: Prices,
  assumptions: Assumptions,
): Dollars {
  const { alarms, dashboards, keys, hoursPerMonth, tableKeyRequestsPerHour, leastScheduleMetrics } =
    assumptions;
  const runs = schedules.map(({ capability, everyMinutes }) => {
    const flow = counted[capability];
    if (flow === undefined) throw new Error(`the schedule ${capability} was not counted`);
    return { counts: flow.counts, times: (hoursPerMonth * 60) / everyMinutes };
  });
  const month = plus(...runs.map((each) => times(each.counts, each.times)));
  // What a schedule leaves in the table takes the place of what it left before.
  const clock = priceOf({ ...month, storedBytes: 0 }, cold, prices, assumptions);
  const invocations = runs.reduce((sum, each) => sum + each.times, 0);
  const metrics = Math.max(scheduleMetrics, leastScheduleMetrics);
  const standing = dollars({
    kms:
      keys * prices.kmsKeyMonth +
      ((tableKeyRequestsPerHour * hoursPerMonth) / 10_000) * prices.kmsTenThousandSymmetric,
    cloudWatch:
      alarms * prices.cloudWatchAlarmMonth +
      dashboards * prices.cloudWatchDashboardMonth +
      metrics * prices.cloudWatchMetricMonth,
    sqs: (assumptions.deadLettersPerMonth / MILLION) * prices.sqsMillionRequests,
    stepFunctions: (assumptions.stateTransitionsPerMonth / MILLION) * prices.stepFunctionsMillionTransitions,
    eventBridge: (invocations / MILLION) * prices.eventBridgeMillionInvocations,
  });
  return addDollars(clock, standing);
}

function inUse(
  { requestMetrics, cold, functionsInUse }: Counted,
  prices: Prices,
  { leastRequestMetrics, hoursPerMonth }: Assumptions,
): Dollars {
  const readings = ((hoursPerMonth * 60) / KEYS_FOR) * functionsInUse;
  return dollars({
    cloudWatch: Math.max(requestMetrics, leastRequestMetrics) * prices.cloudWatchMetricMonth,
    dynamoDb: ((readings * cold.readUnits) / MILLION) * prices.dynamoDbMillionReadUnits,
  });
}
