/** The broker as its peers see it: GET /keys, its certificates, its clock. */
import {
  type BrokerKeys,
  brokerKeysCodec,
  decodeAs,
  defaultSuite,
  isRefusal,
  limits,
  type Suite,
  type SuiteName,
  thumbprint,
  verifyBrokerKeys,
} from "@lepta/protocol";
import { type Check, judge, ok, wrong } from "./check.ts";
import { sentenceFor, whyUnreachable } from "./fault.ts";

/** What a peer is given by the HTTP API. */
export interface SeenBroker {
  readonly checks: readonly Check[];
  /** Thumbprint of the root key that peers are shown; undefined where none can be read. */
  readonly root: string | undefined;
}

/** How long a key must still live, in milliseconds: rotation makes the next one when 12 hours are left. */
const FRESH = 6 * 60 * 60 * 1000;
const PATIENCE = 10_000;
const LOOK_AT_KEYS = "look at the log of the function keys, and at the HTTP API";
const ROTATE = "run lepta-admin keys rotate, and find out why the schedule of the function rotate did not";

/** Asks for the keys as a peer does, and checks all of them. */
export async function checkBroker(url: string, ask: typeof fetch, now: () => number): Promise<SeenBroker> {
  const answered = await askKeys(url, ask);
  if ("fault" in answered)
    return { root: undefined, checks: [wrong("keys door", answered.fault, LOOK_AT_KEYS)] };
  const { body, date } = answered;
  const clock = checkClock(date, now());
  const list = decodeAs(brokerKeysCodec, body);
  if (isRefusal(list)) {
    const says = `${url}/keys answers with something that is no list of keys`;
    return { root: undefined, checks: [wrong("keys door", says, LOOK_AT_KEYS), ...clock] };
  }
  const root = thumbprint(list.rootKey);
  const door = ok("keys door", `${url}/keys shows the root key ${root}`);
  const keys = await verifyBrokerKeys(body, root, await suiteOf(list.suite), now());
  if (isRefusal(keys)) {
    const says = `no sealing key that ${url}/keys shows holds now (${keys.code})`;
    return { root, checks: [door, wrong("certificates", says, ROTATE), ...clock] };
  }
  const shown = list.certificates.length;
  const certificates = judge(
    "certificates",
    keys.keys.size === shown,
    `all ${shown} hold under the root key`,
    `only ${keys.keys.size} of ${shown} hold under the root key now`,
    "compare the clocks; if they agree, the table was altered: keep it as it is and see who wrote to it",
  );
  return { root, checks: [door, certificates, ...checkFresh(keys, now()), ...clock] };
}

function checkFresh({ keys }: BrokerKeys, now: number): readonly Check[] {
  return (["enrol", "decide", "acknowledge", "seal"] as const).map((purpose) => {
    const ends = [...keys.values()].filter((key) => key.purpose === purpose).map(({ notAfter }) => notAfter);
    const left = Math.max(0, ...ends) - now;
    const name = `key for ${purpose}`;
    if (ends.length === 0) return wrong(name, "there is none that is valid now", ROTATE);
    return judge(name, left > FRESH, `good for ${hours(left)} more`, `ends in ${hours(left)}`, ROTATE);
  });
}

function checkClock(date: string | null, now: number): readonly Check[] {
  const theirs = Date.parse(date ?? "");
  if (Number.isNaN(theirs)) return [];
  const difference = Math.abs(theirs - now);
  const says = `the broker's clock and this one differ by ${Math.round(difference / 1000)} s`;
  const remedy = "set this machine's clock (NTP); AWS's is right";
  // The header counts whole seconds.
  return [judge("clock", difference <= limits.clockSkew, says, says, remedy)];
}

async function askKeys(url: string, ask: typeof fetch) {
  try {
    const response = await ask(`${url}/keys`, { signal: AbortSignal.timeout(PATIENCE), redirect: "error" });
    const body = new Uint8Array(await response.arrayBuffer());
    if (response.status !== 200) return { fault: `${url}/keys answers with the status ${response.status}` };
    return { body, date: response.headers.get("date") };
  } catch (error) {
    return { fault: `${url}/keys does not answer: ${whyUnreachable(error) ?? sentenceFor(error)}` };
  }
}

const suiteOf = async (name: SuiteName): Promise<Suite> =>
  name === "figure-4" ? (await import("@lepta/protocol/suite/figure-4")).figure4Suite : defaultSuite;

const hours = (milliseconds: number): string => `${(milliseconds / 3_600_000).toFixed(1)} h`;
