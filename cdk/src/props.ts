/** What a broker is made with, checked at synth time: a mistake is told in a sentence that says what to change. */
import type { FunctionName } from "@lepta/lambdas/functions";
import type { Capability } from "@lepta/lambdas/routes";
import { Duration } from "aws-cdk-lib";
import type { Throttle } from "./http-api.ts";

export interface ScripBrokerProps {
  /** Names the keys' aliases, the parameter, the alarms and the dashboard: 1 to 20 of a-z, 0-9 and hyphens. */
  readonly stage: string;
  /** ISO 4217. */
  readonly currency: string;
  /** Who is told of alarms; "none" where nobody is to be. */
  readonly alarmEmail: string;
  /** Where money comes from. There is one rail so far, and its money is play money. */
  readonly rail?: "sandbox";
  /** How long new BrokerScrip lives; 365 days. */
  readonly scripLife?: Duration;
  /** How long a merchant's credit is held; 3 days. */
  readonly holdTime?: Duration;
  /** How long a merchant may take to answer a reversal; a third of `holdTime`. */
  readonly claimTime?: Duration;
  /** How long expired BrokerScrip can still be renewed and redeemed; 90 days. */
  readonly grace?: Duration;
  /** How long a notice may wait for its other side; 7 days. */
  readonly noticePatience?: Duration;
  /** How long evidence is kept: notices, certificates of old keys; 400 days. */
  readonly disputeWindow?: Duration;
  /**
   * A table that was restored from a backup, in place of the one that the construct makes, which stays (docs/operate.md,
   * "Restore from a backup").
   */
  readonly restoredTable?: { readonly name: string; readonly streamArn: string };
  /** What may be minted in all against money that can still be recalled, in millionths; 0. */
  readonly recallableLimit?: bigint;
  /** Other limits than the standard ones, by what the routes do. */
  readonly throttle?: Partial<Record<Capability, Throttle>>;
  /** Off where nothing is set: an account with a small quota refuses it. */
  readonly reservedConcurrency?: Partial<Record<FunctionName, number>>;
  /** A whole number of days that CloudWatch knows; 90. */
  readonly logRetention?: Duration;
  /** X-Ray; on. */
  readonly tracing?: boolean;
}

/** A mistake in the configuration, in the operator's words. */
export class ConfigurationError extends Error {
  constructor(sentence: string) {
    super(sentence);
    this.name = "ConfigurationError";
  }
}

const CURRENCIES: ReadonlySet<string> = new Set(Intl.supportedValuesOf("currency"));

/** Checks what the types cannot say. Throws `ConfigurationError`. */
export function checkProps(props: ScripBrokerProps): void {
  const { stage, currency, alarmEmail, holdTime = HOLD_TIME, claimTime } = props;
  const { disputeWindow = DISPUTE_WINDOW } = props;
  if (!/^[a-z][a-z0-9-]{0,19}$/.test(stage ?? ""))
    throw new ConfigurationError(
      `The stage's name "${stage}" cannot be part of resource names. Use 1 to 20 lower-case letters, digits and hyphens, a letter first.`,
    );
  if (!CURRENCIES.has(currency))
    throw new ConfigurationError(
      `The stage "${stage}" has the currency ${JSON.stringify(currency)}, which is no ISO 4217 code in use. Write one in capitals, such as "EUR" or "USD".`,
    );
  if (alarmEmail === undefined || alarmEmail.trim() === "")
    throw new ConfigurationError(
      `The stage "${stage}" has no address for alarms. Set "alarmEmail" to a mailbox that somebody reads, or to "none" if nobody is to be told that the books do not balance.`,
    );
  if (alarmEmail !== "none" && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(alarmEmail))
    throw new ConfigurationError(
      `The stage "${stage}" has the alarm address "${alarmEmail}", which is no e-mail address. Set "alarmEmail" to one, or to "none".`,
    );
  if (claimTime !== undefined && claimTime.toMilliseconds() >= holdTime.toMilliseconds())
    throw new ConfigurationError(
      `The stage "${stage}" gives merchants ${claimTime.toHumanString()} to answer a reversal and holds credits for ${holdTime.toHumanString()}. Make claimTime shorter than holdTime.`,
    );
  if (disputeWindow.toMilliseconds() <= holdTime.toMilliseconds())
    throw new ConfigurationError(
      `The stage "${stage}" keeps evidence for ${disputeWindow.toHumanString()} and holds credits for ${holdTime.toHumanString()}. Make disputeWindow longer than holdTime.`,
    );
}

/** The standards of `readEnvironment`: the checks compare with them where nothing is set. */
const HOLD_TIME = Duration.days(3);
const DISPUTE_WINDOW = Duration.days(400);
