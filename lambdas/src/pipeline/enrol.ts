/** Enrolment, from bytes to the sealed answer. Its sender is not known yet: it brings its keys itself. */
import {
  blind,
  enrolment,
  enrolRequest,
  enrolResponse,
  isRefusal,
  type Opened,
  type Or,
  possessionContext,
  refuse,
  type Verified,
  verifyMessage,
  verifySealingKey,
} from "@lepta/protocol";
import { hashAccount } from "../broker/account-hash.ts";
import { decideEnrol, type EnrolState } from "../broker/enrol.ts";
import { accountItem, credentialItem, keys, purseItem, transactionItem } from "../broker/items.ts";
import type { KeySet } from "../ports/custody.ts";
import { type Broker, open, sealAnswer, settle, signAnswer } from "./broker.ts";
import { tellRefusal } from "./tell.ts";

/** POST /enrol. */
export async function enrol(broker: Broker, bytes: Uint8Array): Promise<Or<Uint8Array>> {
  const opened = await broker.observer.timed("receive", () => open(broker, bytes, [enrolRequest]));
  if (isRefusal(opened)) return opened;
  const { keySet } = opened;
  const now = broker.runtime.now();
  const claim = await broker.observer.timed("receive", () =>
    verifyClaim(broker, opened.message, keySet, now),
  );
  if (isRefusal(claim)) return claim;

  const { request, sealing } = claim;
  const { from: uid, txn, account, mandate = "" } = request.payload;
  const accountHash = account === undefined ? undefined : hashAccount(account);
  const railAccepts = account !== undefined && (await broker.rail.accepts(account, mandate));
  const load = async (): Promise<EnrolState> => {
    const fixed = [keys.credential(uid), keys.purse(uid), keys.transaction(uid, txn)];
    const items = await broker.store.get(
      accountHash === undefined ? fixed : [...fixed, keys.account(accountHash)],
    );
    return {
      credential: credentialItem.read(items[0]),
      purse: purseItem.read(items[1]),
      transaction: transactionItem.read(items[2]),
      accountOwner: accountItem.read(items[3])?.uid,
      railAccepts,
    };
  };
  const statement = { statement: sealing.statement.signed, serial: sealing.statement.payload.serial };
  const outcome = await settle(broker, load, (state) =>
    decideEnrol(request, statement, accountHash, state, now),
  );
  if (isRefusal(outcome)) return outcome;
  // A refused enrolment leaves nothing behind: the same request is judged anew, and told anew.
  if (outcome.reason !== undefined) tellRefusal(broker.observer, outcome.reason);

  const certified = outcome.ok ? { enrolment: await signEnrolment(broker, keySet, request) } : {};
  const answer = await signAnswer(broker, keySet, enrolResponse, {
    to: uid,
    txn,
    request: request.digest,
    ...outcome,
    ...certified,
  });
  return sealAnswer(broker, answer, sealing.key, { attachments: [keySet.signing.certificate] });
}

/** The request's own signature, its sealing key statement and the proof of possession, each under the key that it brings. */
async function verifyClaim(broker: Broker, opened: Opened<typeof enrolRequest>, keySet: KeySet, now: number) {
  const { payload } = opened;
  const key = await broker.suite.verifyingKey(payload.publicKey);
  if (isRefusal(key)) return blind(opened.seal, key);
  const { network, trust } = keySet;
  const request: Or<Verified<typeof enrolRequest>> = await verifyMessage(opened, {
    key,
    kid: key.id,
    from: key.id,
    to: network,
    network,
    now,
  });
  if (isRefusal(request)) return request;
  const sealing = await verifySealingKey(payload.sealingKey, key, trust, now);
  if (isRefusal(sealing)) return sealing;
  const verifier = opened.seal === undefined ? undefined : keySet.opening(opened.seal.to);
  const context = possessionContext(sealing.statement.digest, payload.txn);
  const isHeld =
    verifier !== undefined && (await verifier.checkPossession(sealing.key, context, payload.possession));
  return isHeld ? { request, sealing } : refuse("bad-possession");
}

async function signEnrolment(
  broker: Broker,
  keySet: KeySet,
  request: Verified<typeof enrolRequest>,
): Promise<Uint8Array> {
  const { from: to, txn, publicKey } = request.payload;
  return (await signAnswer(broker, keySet, enrolment, { to, txn, publicKey })).bytes;
}
