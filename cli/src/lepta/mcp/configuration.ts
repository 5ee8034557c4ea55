/** What an agent may spend and where: one JSON file that its owner writes, and that no call can change. */
import { isAllowedHost, isHostPattern } from "@lepta/peer-sdk";
import { type Amount, LeptaError, limits, parseAmount } from "@lepta/protocol";

export interface AgentConfiguration {
  /** For one payment, and for all of 24 hours. */
  readonly max: Amount;
  readonly perDay: Amount;
  /** Hosts of pages, `example.org`, `example.org:8443` or `*.example.org`. Nowhere else is anything asked for or paid. */
  readonly hosts: readonly string[];
  /** Addresses of merchants, `wss://news.example.org/pay`, as `URL` writes them. */
  readonly merchants: readonly string[];
}

/** A configuration that cannot be used; the message names each fault in a line. */
export class ConfigurationFault extends Error {
  override readonly name = "ConfigurationFault";
  readonly faults: readonly string[];
  constructor(faults: readonly string[]) {
    super(faults.join("\n"));
    this.faults = faults;
  }
}

/**
 * Reads `{ "max": "EUR 0.05", "perDay": "EUR 1.00", "hosts": [], "merchants": [] }`. The amounts are required; what is not listed is
 * refused. Throws a `ConfigurationFault` with all that is wrong.
 */
export function readConfiguration(json: string): AgentConfiguration {
  const value = parsed(json);
  const faults = Object.keys(value)
    .filter((name) => !NAMES.has(name))
    .map((name) => `${JSON.stringify(name)} is none of ${[...NAMES].join(", ")}`);
  const max = amountIn(value, "max", faults);
  const perDay = amountIn(value, "perDay", faults);
  const hosts = listIn(value, "hosts", faults).filter((host) => {
    if (isHostPattern(host)) return true;
    faults.push(
      `hosts: ${JSON.stringify(host)} is no host such as "example.org", "*.example.org" or "example.org:8443"`,
    );
    return false;
  });
  const merchants = listIn(value, "merchants", faults).flatMap((address) => {
    const merchant = readMerchant(address);
    if (merchant !== undefined) return [merchant];
    faults.push(
      `merchants: ${JSON.stringify(address)} is no address such as "wss://news.example.org/pay"; ws:// is for this machine alone`,
    );
    return [];
  });
  if (max !== undefined && perDay !== undefined && max.currency !== perDay.currency)
    faults.push(`max is in ${max.currency} and perDay in ${perDay.currency}`);
  if (max === undefined || perDay === undefined || faults.length > 0) throw new ConfigurationFault(faults);
  return { max, perDay, hosts, merchants };
}

/** A merchant's address as it is compared: without what only a reader of it would see. Undefined where it is none. */
export function readMerchant(address: string): string | undefined {
  if (address.length > limits.addressLength) return undefined;
  const url = URL.parse(address);
  if (url === null || !/^wss?:$/.test(url.protocol)) return undefined;
  return isAllowedHost([url.host], url) ? url.href : undefined;
}

const NAMES: ReadonlySet<string> = new Set(["max", "perDay", "hosts", "merchants"]);
/** Hosts, and merchants. */
const MOST = 1000;

function parsed(json: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new ConfigurationFault(["it is not JSON"]);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ConfigurationFault(['it is not an object such as { "max": "EUR 0.05", "perDay": "EUR 1.00" }']);
  return value as Readonly<Record<string, unknown>>;
}

function amountIn(
  value: Readonly<Record<string, unknown>>,
  name: "max" | "perDay",
  faults: string[],
): Amount | undefined {
  const text = value[name];
  try {
    if (typeof text !== "string") throw new LeptaError("bad-amount");
    const amount = parseAmount(text);
    if (amount.value > 0n) return amount;
  } catch (error) {
    if (!(error instanceof LeptaError)) throw error;
  }
  const said = text === undefined ? "it is missing" : `${JSON.stringify(text)} is none`;
  faults.push(`${name}: an amount above nothing such as "EUR 0.05" is needed, and ${said}`);
  return undefined;
}

function listIn(
  value: Readonly<Record<string, unknown>>,
  name: "hosts" | "merchants",
  faults: string[],
): readonly string[] {
  const list = value[name] ?? [];
  if (Array.isArray(list) && list.length <= MOST && list.every((each) => typeof each === "string"))
    return list;
  faults.push(`${name}: a list of at most ${MOST} texts is needed`);
  return [];
}
