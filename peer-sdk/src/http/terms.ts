/** What a challenge asks for where its method is `lepta`: the `request` of docs/http.md, written and read. */
import { type Amount, amountOf, isRefusal, isUid, limits, type Or, refuse, type Uid } from "@lepta/protocol";
import { decodeRequest, encodeRequest } from "./challenge.ts";

/** The method's name in a challenge. */
export const METHOD = "lepta";
/** `charge`: M1 of figure 7 stands in the credential. `session`: it travels on a lane, and the credential names it. */
export type Intent = "charge" | "session";

export interface Terms {
  /** The price, or that of one unit. */
  readonly price: Amount;
  /** The merchant's UID. */
  readonly recipient: Uid;
  /** Thumbprint of the broker's root key. */
  readonly network: Uid;
  /** Where the merchant speaks over WebSockets, without its pin. */
  readonly address: string;
  /** Method, path and query of what is paid for. */
  readonly resource: string;
  /** The item that is bought: the route. */
  readonly sku: string;
  /** Where units are counted: what one is called, and how many one request may use at most. */
  readonly meter?: { readonly unit: string; readonly most: number };
}

/** The `request` parameter. */
export function writeTerms({ price, recipient, network, address, resource, sku, meter }: Terms): string {
  return encodeRequest({
    amount: String(price.value),
    currency: price.currency,
    recipient,
    ...(meter === undefined ? {} : { unitType: meter.unit }),
    methodDetails: {
      network,
      address,
      resource,
      sku,
      // The smallest unit of `amount` is a millionth.
      decimals: 6,
      ...(meter === undefined ? {} : { maxUnits: String(meter.most) }),
    },
  });
}

/** What a `request` parameter asks for, or `malformed`. What a later version adds is left alone. */
export function readTerms(request: string): Or<Terms> {
  const read = decodeRequest(request);
  if (isRefusal(read)) return read;
  const { amount, currency, recipient, unitType, methodDetails } = read;
  const details = (methodDetails ?? {}) as Readonly<Record<string, unknown>>;
  const { network, address, resource, sku, decimals, maxUnits } = details;
  const isWhole =
    isText(recipient) &&
    isUid(recipient) &&
    isText(network) &&
    isUid(network) &&
    isText(address, limits.addressLength) &&
    isText(resource, limits.resourceLength) &&
    isText(sku, limits.skuLength) &&
    decimals === 6;
  const price = priceOf(amount, currency);
  if (!isWhole || price === undefined) return refuse("malformed", "not what the method lepta asks for");
  const terms = { price, recipient, network, address, resource, sku };
  if (unitType === undefined && maxUnits === undefined) return terms;
  const most = isText(maxUnits) && DIGITS.test(maxUnits) ? Number(maxUnits) : 0;
  if (!isText(unitType, UNIT_LENGTH) || unitType === "" || most < 1 || most > limits.quantity)
    return refuse("malformed", "not a meter");
  return { ...terms, meter: { unit: unitType, most } };
}

const UNIT_LENGTH = 32;
const DIGITS = /^[1-9]\d{0,15}$/;

const isText = (value: unknown, most = 1024): value is string =>
  typeof value === "string" && value.length <= most;

function priceOf(amount: unknown, currency: unknown): Amount | undefined {
  if (!isText(amount) || !DIGITS.test(amount) || !isText(currency) || !/^[A-Z]{3}$/.test(currency))
    return undefined;
  const value = BigInt(amount);
  return value <= limits.amount ? amountOf(currency, value) : undefined;
}

/** What is paid for: `GET /report?page=2`. */
export function resourceOf({ method, url }: Pick<Request, "method" | "url">): string {
  const { pathname, search } = new URL(url);
  return `${method} ${pathname}${search}`;
}
