/**
 * What the operator decides about a peer. A frozen peer moves no money through the broker: it sells nothing, is paid
 * nothing, and neither charges, spends nor redeems BrokerScrip. Its customers' refunds, reversals and queries go on.
 */
import type { Uid } from "@lepta/protocol";
import type { OperateAnswer, OperateEvent, PeerStanding } from "../operations.ts";
import type { Write } from "../ports/store.ts";
import type { Decided } from "./decision.ts";
import { type CredentialRecord, credentialItem, keys } from "./items.ts";

/** Decides one of the operator's requests; asked for twice it changes nothing the second time. */
export function decideOperation(
  event: OperateEvent,
  credential: CredentialRecord | undefined,
  now: number,
): Decided<OperateAnswer> {
  if (credential === undefined) return { writes: [], outcome: { outcome: "unknown-peer" } };
  const isFrozen = credential.frozenAt !== undefined;
  const { frozenAt: _since, frozenFor: _words, ...free } = credential;
  if (event.operation === "freeze" && !isFrozen) {
    const words = event.reason === undefined ? {} : { frozenFor: event.reason };
    return changed(event.uid, credential, { ...free, frozenAt: now, ...words });
  }
  if (event.operation === "unfreeze" && isFrozen) return changed(event.uid, credential, free);
  return { writes: [], outcome: { outcome: "unchanged", peer: standing(event.uid, credential) } };
}

/** A renewal of the credential in between moves its serial, another operator's decision `frozenAt`: then it is decided again. */
function changed(uid: Uid, before: CredentialRecord, next: CredentialRecord): Decided<OperateAnswer> {
  const write: Write = {
    put: credentialItem.toItem(next),
    at: keys.credential(uid),
    expect: { serial: before.serial, frozenAt: before.frozenAt },
  };
  return { writes: [write], outcome: { outcome: "changed", peer: standing(uid, next) } };
}

const standing = (uid: Uid, { enrolledAt, frozenAt, frozenFor }: CredentialRecord): PeerStanding => ({
  uid,
  enrolledAt,
  ...(frozenAt === undefined ? {} : { frozenAt }),
  ...(frozenFor === undefined ? {} : { frozenFor }),
});
