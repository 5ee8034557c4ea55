/** Which look each kind of item gets. An item of no kind is a finding. */
import type { Item, Key } from "../../ports/store.ts";
import { exposureItem } from "../items.ts";
import {
  lookAtExcess,
  lookAtLoss,
  lookAtNotice,
  lookAtOpen,
  lookAtStatement,
  lookAtWaiting,
} from "./index-items.ts";
import { alone, type Look } from "./look.ts";
import { lookAtCarry, lookAtCredit, lookAtDispute, lookAtDue } from "./merchant-items.ts";
import { lookAtAccount, lookAtCredential, lookAtPurse, lookAtTombstone } from "./peer-items.ts";
import { lookAtRecord } from "./record.ts";

/** What must be read with this item, and how it is judged. Throws where the item cannot be read. */
export function lookAt({ pk, sk }: Key, item: Item): Look {
  const [partition = "", ...owner] = pk.split("#");
  const [kind = "", ...name] = sk.split("#");
  const [first = "", second = "", third = ""] = [...owner, ...name];
  // The keys are for their custody and the bank's items for the rail: both know more of them than is known here.
  const kinds: Readonly<Record<string, (() => Look) | undefined>> = {
    "PEER CREDENTIAL": () => lookAtCredential(first, item),
    "PEER BROKERSCRIP": () => lookAtPurse(first, item),
    "PEER SPENT": () => lookAtTombstone(first, second, item),
    "PEER TXN": () => lookAtRecord(first, second, item),
    "ACCOUNT ENROLMENT": () => lookAtAccount(first, item),
    "MERCHANT CREDIT": () => lookAtCredit(first, second, third, item),
    "MERCHANT DUE": () => lookAtDue(first, second, third, name[2] ?? "", item),
    "MERCHANT DISPUTE": () => lookAtDispute(first, second, third, item),
    "MERCHANT CARRY": () => lookAtCarry(first, item),
    "PAIR TXN": () => lookAtNotice(item),
    "PAIR STATEMENT": () => lookAtStatement(first, second, sk, item),
    "PAIR EXCESS": () => lookAtExcess(first, second, item),
  };
  const whole: Readonly<Record<string, (() => Look) | undefined>> = {
    KEYS: () => alone(),
    CERTIFICATES: () => alone(),
    BANKCHARGE: () => alone(),
    BANKPAYOUT: () => alone(),
    BANKACCOUNT: () => alone(),
    WAITING: () => lookAtWaiting(sk, item),
    OPEN: () => lookAtOpen(kind, name[0] ?? "", item),
    LOSS: () => lookAtLoss(first, kind, name[0] ?? "", item),
    EXPOSURE: () => {
      exposureItem.fromItem(item);
      return alone();
    },
  };
  const look = whole[partition] ?? kinds[`${partition} ${kind}`];
  return look === undefined ? alone("unknown-item") : look();
}
