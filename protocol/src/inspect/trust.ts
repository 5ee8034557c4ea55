/** Whom an inspection believes: keys by their thumbprints, and what leads from a root key to them. */

import { defaultSuite } from "#platform";
import { readRevocations } from "../broker-keys.ts";
import { thumbprint } from "../cose/key.ts";
import { type Trust, verifyCertificate, verifyCredential } from "../credential.ts";
import { readMessage } from "../envelope.ts";
import { isRefusal } from "../errors.ts";
import {
  brokerKeysCodec,
  credentialCodec,
  enrolment,
  keyCertificate,
  type Purpose,
} from "../messages/keys.ts";
import { decodeAs, type Uid } from "../schema.ts";
import type { VerifyingKey } from "../suite/suite.ts";
import { judged, type Report, type Verdict } from "./report.ts";

/** Takes in what the context brings. */
export function gather(report: Report): void {
  const { publicKeys = [], credentials = [], brokerKeys } = report.context;
  for (const key of publicKeys) report.addKey(key);
  for (const credential of credentials) addCredential(report, credential);
  const list = brokerKeys && decodeAs(brokerKeysCodec, brokerKeys);
  if (list === undefined || isRefusal(list)) return;
  report.addKey(list.rootKey);
  for (const certificate of list.certificates) addCertificate(report, certificate);
}

/** Remembers a certificate and the key in it; whether it holds is found out where it counts. */
export function addCertificate(report: Report, bytes: Uint8Array): void {
  const opened = readMessage(bytes, [keyCertificate]);
  if (isRefusal(opened)) return;
  const { publicKey } = opened.payload;
  report.addKey(publicKey);
  report.certificates.set(thumbprint(publicKey), bytes);
}

/** Remembers a credential and the keys in it. */
export function addCredential(report: Report, bytes: Uint8Array): void {
  const parts = decodeAs(credentialCodec, bytes);
  if (isRefusal(parts)) return;
  addCertificate(report, parts.certificate);
  const opened = readMessage(parts.enrolment, [enrolment]);
  if (isRefusal(opened)) return;
  report.addKey(opened.payload.publicKey);
  report.credentials.set(thumbprint(opened.payload.publicKey), bytes);
}

/** The key with this id, if it is at hand and one that signs. */
export async function signerOf(
  { keys, context }: Report,
  kid: Uid,
  isRoot: boolean,
): Promise<VerifyingKey | undefined> {
  const encoded = keys.get(kid);
  if (encoded === undefined) return undefined;
  // The root is a P-256 key in every suite.
  const key = await (isRoot ? defaultSuite : (context.suite ?? defaultSuite)).verifyingKey(encoded);
  return isRefusal(key) ? undefined : key;
}

/** The root of this network, if its key is at hand. */
export async function trustOf(report: Report, network: Uid): Promise<Trust | undefined> {
  const { suite = defaultSuite, revoked = [], brokerKeys, now } = report.context;
  const rootKey = await signerOf(report, network, true);
  if (rootKey === undefined) return undefined;
  const ended = new Map(Array.from(revoked, (id) => [id, 0]));
  if (brokerKeys !== undefined && now !== undefined)
    for (const { key, revokedFrom } of (await readRevocations(brokerKeys, network, now)).values())
      if (!ended.has(key)) ended.set(key, revokedFrom);
  return { suite, rootKey, revoked: ended };
}

const NO_ROOT: Verdict = ["unknown", "the root key is not at hand"];
const NO_CLOCK: Verdict = ["unknown", "no clock given"];

/** Whether a credential holds at a moment. */
export async function judgeCredential(
  report: Report,
  bytes: Uint8Array,
  network: Uid,
  at: number | undefined,
): Promise<Verdict> {
  const trust = await trustOf(report, network);
  if (trust === undefined) return NO_ROOT;
  if (at === undefined) return NO_CLOCK;
  return judged(await verifyCredential(bytes, trust, at), "in force, and leads to the root key");
}

/** Whether the broker's key with this id was certified at a moment, for one of these purposes. */
export async function judgeCertificate(
  report: Report,
  [kid, purposes]: readonly [Uid, readonly Purpose[]],
  network: Uid,
  at: number,
): Promise<Verdict> {
  const bytes = report.certificates.get(kid);
  if (bytes === undefined) return ["unknown", "the certificate of the broker's key is not at hand"];
  const trust = await trustOf(report, network);
  if (trust === undefined) return NO_ROOT;
  const key = await verifyCertificate(bytes, trust, at);
  if (isRefusal(key)) return judged(key, "");
  return purposes.includes(key.purpose)
    ? ["good", `certified by the root for ${key.purpose}, when this was signed`]
    : ["bad", `certified for ${key.purpose}, not for ${purposes.join(" or ")}`];
}
