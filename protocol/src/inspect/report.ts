/** What is gathered while bytes are taken apart: checks, keys that came along, and how much may still be shown. */
import { thumbprint } from "../cose/key.ts";
import type { Refusal } from "../errors.ts";
import { isRefusal } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Uid } from "../schema.ts";
import type { Figure, InspectContext, InspectedCheck, InspectedField, InspectedKind } from "./inspection.ts";
import { because, printable } from "./text.ts";

export type Verdict = readonly [state: InspectedCheck["state"], reason: string];

/** Good with these words, or bad with the refusal's. */
export const judged = (outcome: unknown, reason: string): Verdict =>
  isRefusal(outcome) ? ["bad", because(outcome)] : ["good", reason];

/** Good or bad with words for each. */
export const whether = (holds: boolean, good: string, bad: string): Verdict =>
  holds ? ["good", good] : ["bad", bad];

export const refused = (refusal: Refusal): Verdict => ["bad", because(refusal)];

/** What some bytes were found to be. */
export interface Part {
  readonly kind: InspectedKind;
  readonly title: string;
  readonly figure?: Figure | undefined;
  /** The message's name, or `"key"`, where it is one. */
  readonly name?: string;
  readonly fields: readonly InspectedField[];
}

export type Read = (bytes: Uint8Array, place: Place) => Promise<Part>;

export class Report {
  readonly context: InspectContext;
  /** Takes apart what stands in something else. */
  readonly read: Read;
  /** Encoded public keys by their thumbprints: whoever brought them, a thumbprint fits one key only. */
  readonly keys = new Map<Uid, Uint8Array>();
  /** Certificates of operational keys by the keys' ids, and credentials by UID: not checked yet. */
  readonly certificates = new Map<Uid, Uint8Array>();
  readonly credentials = new Map<Uid, Uint8Array>();
  readonly #checks: (() => Promise<InspectedCheck>)[] = [];
  #more = 0;
  #fields: number = limits.inspectedFields;
  #signatures: number = limits.inspectedSignatures;

  constructor(context: InspectContext, read: Read) {
    this.context = context;
    this.read = read;
  }

  /** Whether one field more may be shown. */
  hasRoom(): boolean {
    this.#fields -= 1;
    return this.#fields >= 0;
  }

  /** Whether one signature more may be checked. */
  mayVerify(): boolean {
    this.#signatures -= 1;
    return this.#signatures >= 0;
  }

  addKey(encoded: Uint8Array): void {
    if (this.keys.size < limits.inspectedFields) this.keys.set(thumbprint(encoded), encoded);
  }

  /** A check that is made once all has been read: keys may stand behind what they have signed. */
  check(name: string, verdict: () => Verdict | Promise<Verdict>): void {
    if (this.#checks.length >= limits.inspectedChecks) this.#more += 1;
    else
      this.#checks.push(async () => {
        const [state, reason] = await verdict();
        return { name: printable(name), state, reason: printable(reason) };
      });
  }

  /** Makes the checks, in their order. */
  async conclude(): Promise<readonly InspectedCheck[]> {
    const checks: InspectedCheck[] = [];
    for (const check of this.#checks) checks.push(await check());
    if (this.#more > 0)
      checks.push({ name: "Further checks", state: "unknown", reason: `${this.#more} were not made` });
    return checks;
  }
}

/** Where in the whole something stands. */
export interface Place {
  readonly report: Report;
  /** What its checks are named after; empty for the whole. */
  readonly path: string;
  readonly depth: number;
  /** Whether something else makes all checks of it. */
  readonly isQuiet: boolean;
  /** When what it stands in was signed, in milliseconds: credentials in it are judged at that moment. */
  readonly signedAt: number | undefined;
}

/** The place of a part. */
export const within = (place: Place, name: string, change: Partial<Place> = {}): Place => ({
  ...place,
  path: place.path === "" ? name : `${place.path}, ${name}`,
  depth: place.depth + 1,
  ...change,
});

/** A check of what stands here. */
export function check(
  place: Place,
  name: string,
  verdict: Verdict | (() => Verdict | Promise<Verdict>),
): void {
  if (place.isQuiet) return;
  const full = place.path === "" ? name : `${place.path}: ${name}`;
  place.report.check(full, typeof verdict === "function" ? verdict : () => verdict);
}

/** A field; its value and note are made fit to be shown. */
export function field(
  name: string,
  value: string,
  more: { readonly note?: string | undefined; readonly fields?: readonly InspectedField[] } = {},
): InspectedField {
  return {
    name: printable(name),
    value: printable(value),
    ...(more.note === undefined ? {} : { note: printable(more.note) }),
    ...(more.fields === undefined ? {} : { fields: more.fields }),
  };
}
