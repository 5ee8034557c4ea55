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
  setFirst(report.certificates, thumbprint(publicKey), bytes);
}

/** Remembers a credential and the keys in it. */
export function addCredential(report: Report, bytes: Uint8Array): void {
  const parts = decodeAs(credentialCodec, bytes);
  if (isRefusal(parts)) return;
  addCertificate(report, parts.certificate);
  const opened = readMessage(parts.enrolment, [enrolment]);
  if (isRefusal(opened)) return;
  report.addKey(opened.payload.publicKey);
  setFirst(report.credentials, thumbprint(opened.payload.publicKey), bytes);
}

/** What the context brings stands before what came with the bytes. */
function setFirst(map: Map<Uid, Uint8Array>, id: Uid, bytes: Uint8Array): void {
  if (!map.has(id)) map.set(id, bytes);
}

/** The key with this id, if it is at hand and one that signs. Asked for once all has been read. */
export function signerOf(report: Report, kid: Uid, isRoot: boolean): Promise<VerifyingKey | undefined> {
  return once(report.signers, `${isRoot} ${kid}`, async () => {
    const encoded = report.keys.get(kid);
    if (encoded === undefined) return undefined;
    // The root is a P-256 key in every suite.
    const suite = isRoot ? defaultSuite : (report.context.suite ?? defaultSuite);
    const key = await suite.verifyingKey(encoded);
    return isRefusal(key) ? undefined : key;
  });
}

/** The root of this network, if its key is at hand. */
export function trustOf(report: Report, network: Uid): Promise<Trust | undefined> {
  return once(report.trusted, network, async () => {
    const { suite = defaultSuite, revoked = [], brokerKeys, now } = report.context;
    const rootKey = await signerOf(report, network, true);
    if (rootKey === undefined) return undefined;
    const ended = new Map<Uid, number>();
    if (brokerKeys !== undefined && now !== undefined)
      for (const { key, revokedFrom } of (await readRevocations(brokerKeys, network, now)).values())
        ended.set(key, revokedFrom);
    for (const id of revoked) ended.set(id, 0);
    return { suite, rootKey, revoked: ended };
  });
}

function once<T>(made: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  const known = made.get(name) ?? make();
  made.set(name, known);
  return known;
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
