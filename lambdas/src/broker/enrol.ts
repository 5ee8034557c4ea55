/** Enrolment: a peer's keys and its account, each enrolled once; later renewals may bring a new sealing key. */
import type { ErrorCode, enrolRequest, Verified } from "@lepta/protocol";
import { equalBytes, isExpired, refuse } from "@lepta/protocol";
import { type Decision, terminal } from "./decision.ts";
import { genesis } from "./genesis.ts";
import {
  accountItem,
  type CredentialRecord,
  credentialItem,
  keys,
  type PurseRecord,
  type TransactionRecord,
} from "./items.ts";

export interface EnrolState {
  readonly credential: CredentialRecord | undefined;
  readonly purse: PurseRecord | undefined;
  readonly transaction: TransactionRecord | undefined;
  /** Who has enrolled this account, if anybody. */
  readonly accountOwner: string | undefined;
  /** What the rail says of account and mandate, where it was asked. */
  readonly railAccepts: boolean;
}

/** What the request's own statement says, checked: the sealing key and its serial. */
export interface SealingClaim {
  readonly statement: Uint8Array;
  readonly serial: number;
}

export interface EnrolOutcome {
  readonly ok: boolean;
  readonly reason?: ErrorCode;
  readonly decidedAt: number;
  readonly record?: readonly [number, Uint8Array];
}

/** Decides an enrolment whose signature and proof of possession hold. */
export function decideEnrol(
  request: Verified<typeof enrolRequest>,
  claim: SealingClaim,
  accountHash: string | undefined,
  state: EnrolState,
  now: number,
): Decision<EnrolOutcome> {
  const { payload } = request;
  const { transaction, credential } = state;
  const refused = (reason: ErrorCode): Decision<EnrolOutcome> => ({
    writes: [],
    outcome: { ok: false, reason, decidedAt: now },
  });
  // Before anything else: also an enrolment of long ago would be certified anew, with today's key.
  if (credential?.frozenAt !== undefined) return refused("frozen");
  if (transaction !== undefined)
    return transaction.request === request.digest
      ? { writes: [], outcome: outcomeOf(transaction) }
      : refused("conflict");
  if (isExpired(payload, now)) return refuse("expired");
  if (credential !== undefined) {
    if (payload.account !== undefined && payload.account !== credential.account) return refused("conflict");
    if (claim.serial < credential.serial) return refused("conflict");
    if (claim.serial === credential.serial)
      return equalBytes(claim.statement, credential.sealingKey)
        ? { writes: [], outcome: { ok: true, decidedAt: credential.enrolledAt } }
        : refused("conflict");
    return enrolled({ ...credential, sealingKey: claim.statement, serial: claim.serial }, credential);
  }
  if (payload.account === undefined || accountHash === undefined) return refuse("unknown-peer");
  // The mandate first: whoever has none for an account learns nothing about it.
  if (!state.railAccepts) return refused("account-refused");
  if (state.accountOwner !== undefined) return refused("account-taken");
  return enrolled(
    {
      signingKey: payload.publicKey,
      sealingKey: claim.statement,
      serial: claim.serial,
      account: payload.account,
      enrolledAt: now,
    },
    undefined,
  );

  function enrolled(next: CredentialRecord, before: CredentialRecord | undefined): Decision<EnrolOutcome> {
    const uid = payload.from;
    const purse = state.purse ?? { sequence: 0, head: genesis(payload.network, uid) };
    const record: TransactionRecord = {
      kind: "enrol",
      state: "done",
      request: request.digest,
      signed: request.signed,
      decidedAt: now,
    };
    const { record: linked, writes } = terminal(uid, payload.txn, { purse, transaction }, record);
    const credentialWrite = {
      put: credentialItem.toItem(next),
      at: keys.credential(uid),
      // A renewal that races a freeze must not undo it.
      expect: before === undefined ? ("absent" as const) : { serial: before.serial, frozenAt: undefined },
    };
    const accountWrite =
      accountHash === undefined || before !== undefined ? [] : [claimAccount(accountHash, uid)];
    return { writes: [...writes, credentialWrite, ...accountWrite], outcome: outcomeOf(linked) };
  }

  function claimAccount(hash: string, uid: string) {
    return {
      put: accountItem.toItem({ uid, enrolledAt: now }),
      at: keys.account(hash),
      expect: "absent" as const,
    };
  }
}

function outcomeOf(record: TransactionRecord): EnrolOutcome {
  const { sequence, head, decidedAt = 0 } = record;
  return {
    ok: true,
    decidedAt,
    ...(sequence !== undefined && head ? { record: [sequence, head] as const } : {}),
  };
}
