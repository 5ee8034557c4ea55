/** Under which name the table keeps an account. */
import { sha256, toText, utf8 } from "@lepta/protocol";

/** Accounts are looked up by their hash, so that the table's keys do not spell them. */
export const hashAccount = (account: string): string =>
  toText(sha256(utf8("lepta/1 account\0"), utf8(account)));
