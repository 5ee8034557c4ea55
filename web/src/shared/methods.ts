/** What tabs ask of the one that has the wallet. */

/** What may move money: sent once, whatever becomes of it. */
const once = ["topUp", "obtain", "buy", "redeem", "refund", "reclaim"] as const;

/** What pays nobody, however often it is done: asked again of the next tab where the first has gone. */
const repeatable = [
  "offers",
  "balance",
  "history",
  "pending",
  "recall",
  "receipt",
  "collect",
  "renew",
  "recover",
  "resume",
  "flushNotices",
] as const;

export const methods = [...once, ...repeatable] as const;
export type Method = (typeof methods)[number];

export const isOnce = (method: Method): boolean => (once as readonly Method[]).includes(method);

export const isMethod = (text: unknown): text is Method => (methods as readonly unknown[]).includes(text);
