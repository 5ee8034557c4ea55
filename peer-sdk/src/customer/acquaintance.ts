/** A merchant that a wallet is connected to, and what it offers. */
import type { Amount, Credential, offer, Payload } from "@lepta/protocol";
import type { Channel } from "../ports.ts";
import type { Bargain } from "./bought.ts";
import type { MerchantSession } from "./lanes/merchant-session.ts";

/** A merchant that we are connected to. */
export interface Acquaintance {
  /** Without the pin. */
  readonly url: string;
  readonly credential: Credential;
  readonly channel: Channel;
  /** The session on this connection; undefined where channel or suite have none. */
  readonly session: MerchantSession | undefined;
  /** Ours, of the greeting: when either ends or is revoked, we greet again. */
  readonly ours: Credential;
  /** What the merchant offered on this connection, by item: it holds until the time that the offer says. */
  readonly offers: Map<string, Offered>;
  /** Offers that are being asked for, by item: the callers bound them. */
  readonly asking: Map<string, Promise<Offered>>;
}

/** Who was met on a new connection. */
export type Met = Pick<Acquaintance, "ours" | "credential" | "session">;

/** One item of an offer and how long it holds, exclusive, in milliseconds. */
export interface Offered {
  readonly item: Payload<typeof offer>["items"][number];
  readonly validUntil: number;
  /** Below this amount the merchant sells through lanes. */
  readonly statementBelow: Amount | undefined;
  /** Orders for it that were made already, by quantity. */
  readonly orders: Map<number, Bargain>;
}
