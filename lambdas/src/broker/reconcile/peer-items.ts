/** A peer's credential, purse and tombstones, and its account: each names the others. */
import { equalBytes, isRefusal, readScrip, thumbprint, type Uid } from "@lepta/protocol";
import type { Item } from "../../ports/store.ts";
import { hashAccount } from "../account-hash.ts";
import {
  accountItem,
  credentialItem,
  keys,
  type PurseRecord,
  purseItem,
  tombstoneItem,
  transactionItem,
} from "../items.ts";
import { found, type Look } from "./look.ts";

export function lookAtCredential(uid: Uid, item: Item): Look {
  const { account, signingKey } = credentialItem.fromItem(item);
  const owner = keys.account(hashAccount(account));
  return {
    needs: [keys.purse(uid), owner],
    judge: (around) =>
      found(
        ["credential-altered", thumbprint(signingKey) !== uid],
        [
          "enrolment-one-sided",
          around(keys.purse(uid)) === undefined || accountItem.read(around(owner))?.uid !== uid,
        ],
      ),
  };
}

export function lookAtAccount(hash: string, item: Item): Look {
  const { uid } = accountItem.fromItem(item);
  return {
    needs: [keys.credential(uid)],
    judge: (around) => {
      const credential = credentialItem.read(around(keys.credential(uid)));
      return found([
        "enrolment-one-sided",
        credential === undefined || hashAccount(credential.account) !== hash,
      ]);
    },
  };
}

/** The purse beside its owner's chain is for `PeerAudit`; here it is alone with what it names. */
export function lookAtPurse(uid: Uid, item: Item): Look {
  const purse = purseItem.fromItem(item);
  const { scrip } = purse;
  const needs = [keys.credential(uid), ...(scrip === undefined ? [] : [keys.tombstone(uid, scrip)])];
  return {
    needs,
    judge: (around) =>
      found(
        ["enrolment-one-sided", around(keys.credential(uid)) === undefined],
        ["purse-altered", !isWhole(uid, purse)],
        ["tombstone-of-live", scrip !== undefined && around(keys.tombstone(uid, scrip)) !== undefined],
      ),
  };
}

/** What a purse says of its scrip is what the scrip says of itself. */
function isWhole(
  uid: Uid,
  { scrip, body, certificate, salt, value, currency, expiresAt }: PurseRecord,
): boolean {
  const parts = [scrip, body, certificate, salt, value, currency, expiresAt];
  if (parts.every((part) => part === undefined)) return true;
  const read = body && readScrip(body);
  if (read === undefined || isRefusal(read) || parts.includes(undefined)) return false;
  return (
    read.kind === "broker" &&
    read.owner === uid &&
    read.id === scrip &&
    read.value.value === value &&
    read.value.currency === currency &&
    read.expiresAt === expiresAt
  );
}

export function lookAtTombstone(uid: Uid, scrip: string, item: Item): Look {
  const { initiator, txn, value, currency } = tombstoneItem.fromItem(item);
  const at = keys.transaction(initiator, txn);
  return {
    needs: [at],
    judge: (around) => {
      const record = transactionItem.read(around(at));
      // A redemption that the bank declined minted again: what it replaced then is not what it spent first.
      const isMintedAgain =
        record?.kind === "redeem" && record.state === "refused" && record.grantBody !== undefined;
      const isSpender = record?.spent === scrip && record.spentValue === value;
      const isRight = initiator === uid && value > 0n && (isSpender || isMintedAgain);
      return found(["tombstone-altered", !isRight || (record?.currency ?? currency) !== currency]);
    },
  };
}

/** Whether a purse holds this very scrip. */
export const holds = (purse: PurseRecord, body: Uint8Array | undefined): boolean =>
  purse.body !== undefined && body !== undefined && equalBytes(purse.body, body);
