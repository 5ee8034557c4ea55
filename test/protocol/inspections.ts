/** What the tests of inspections share: all keys of the vectors at hand, and the checks of an inspection by their names. */
import { brokerKeysCodec, encodeAs, type KeyRing, type Purpose } from "@lepta/protocol";
import type { InspectContext, InspectedField, Inspection } from "@lepta/protocol/inspect";
import {
  acknowledgeKey,
  customer,
  decideKey,
  enrolKey,
  merchant,
  network,
  now,
  type Party,
  root,
  sealKey,
} from "../vectors/parties.ts";
import { certify, credentialOf } from "./receipts.ts";

const operational: readonly (readonly [Purpose, Party])[] = [
  ["enrol", enrolKey],
  ["decide", decideKey],
  ["acknowledge", acknowledgeKey],
];

const opening = new Map([customer, merchant, sealKey].map(({ opening: key }) => [key.id, key]));

/** What opens whatever is sealed to the customer, to the merchant or to the broker. */
export const openingKeys: KeyRing = (kid) => opening.get(kid);

/** Everything that a reader of all messages could have, at the vectors' moment. */
export const everything: InspectContext = {
  network,
  now,
  credentials: [await credentialOf(customer), await credentialOf(merchant)],
  brokerKeys: encodeAs(brokerKeysCodec, {
    version: 1,
    type: "broker-keys",
    rootKey: root.signing.publicKey,
    certificates: await Promise.all(operational.map(([purpose, key]) => certify(purpose, key))),
    suite: "default",
    currency: "EUR",
    rail: "sandbox",
    unit: 10_000,
  }),
  openingKeys,
};

/** The names of the checks in this state. */
export const named = ({ checks }: Inspection, state: "good" | "bad" | "unknown"): readonly string[] =>
  checks.filter((check) => check.state === state).map(({ name }) => name);

/** All fields, those inside others too. */
export const allFields = (fields: readonly InspectedField[]): readonly InspectedField[] =>
  fields.flatMap((field) => [field, ...allFields(field.fields ?? [])]);
