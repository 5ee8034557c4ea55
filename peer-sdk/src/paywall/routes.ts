/** The routes that have a price: `"GET /report": "EUR 0.02"`, or so much for a unit of what is metered. */
import { type Amount, LeptaError, limits } from "@lepta/protocol";
import { priceOf } from "../merchant/catalogue.ts";

/** For one request, or for each unit of what it uses up to `max`: `{ unit: "token", price: "EUR 0.00001", max: "EUR 0.05" }`. */
export type RoutePrice = string | { readonly unit: string; readonly price: string; readonly max: string };

/** By method and path: `"GET /articles/:id"`, where `:id` is any one segment and a last `*` any rest. */
export type Routes = Readonly<Record<string, RoutePrice>>;

export interface Route {
  /** The route as it was written: the item that is bought. */
  readonly sku: string;
  readonly price: Amount;
  /** What a unit is called, how many one request may use, and one purchase of it. */
  readonly meter?: { readonly unit: string; readonly most: number; readonly piece: number };
}

interface Pattern extends Route {
  readonly method: string;
  /** Undefined is any one segment. */
  readonly segments: readonly (string | undefined)[];
  readonly isOpen: boolean;
}

export class PricedRoutes {
  readonly all: readonly Route[];
  readonly #patterns: readonly Pattern[];

  /** Reads all prices; on a lane a purchase costs less than `below`, in millionths. Throws `bad-amount` or `malformed` with the route's name. */
  constructor(routes: Routes, below: bigint) {
    this.#patterns = Object.entries(routes).map(([sku, price]) => patternOf(sku, price, below));
    this.all = this.#patterns;
  }

  /**
   * The first route that covers a request. Servers differ in what they take for the same path: here case, doubled and last
   * slashes and percent-encoding do not tell paths apart, and HEAD is GET, so that no spelling goes around a price.
   */
  match(method: string, path: string): Route | undefined {
    const asked = method.toUpperCase() === "HEAD" ? "GET" : method.toUpperCase();
    const segments = segmentsOf(path);
    return this.#patterns.find((each) => each.method === asked && fits(each, segments));
  }
}

function patternOf(sku: string, price: RoutePrice, below: bigint): Pattern {
  const [, method = "", path = ""] = /^([A-Z]+) (\/\S*)$/.exec(sku) ?? [];
  if (path === "" || sku.length > limits.skuLength)
    throw new LeptaError("malformed", `${JSON.stringify(sku)} is no route such as "GET /report"`);
  const segments = segmentsOf(path);
  const isOpen = segments.at(-1) === "*";
  return {
    sku,
    ...pricing(sku, price, below),
    method: method === "HEAD" ? "GET" : method,
    segments: (isOpen ? segments.slice(0, -1) : segments).map((each) =>
      each.startsWith(":") ? undefined : each,
    ),
    isOpen,
  };
}

function pricing(sku: string, price: RoutePrice, below: bigint): Pick<Route, "price" | "meter"> {
  if (typeof price === "string") return { price: priceOf(sku, price) };
  if (typeof price !== "object" || price === null)
    throw new LeptaError("bad-amount", `${sku}: ${JSON.stringify(price)}`);
  const each = priceOf(sku, price.price);
  const max = priceOf(sku, price.max);
  if (max.currency !== each.currency)
    throw new LeptaError("bad-amount", `${sku}: price and max are in two currencies`);
  const most = Number(max.value / each.value);
  if (most < 1) throw new LeptaError("bad-amount", `${sku}: max is less than the price of one unit`);
  if (most > limits.quantity)
    throw new LeptaError("bad-amount", `${sku}: max is more than ${limits.quantity} units`);
  if (typeof price.unit !== "string" || !/^[\x21-\x7e]{1,32}$/.test(price.unit))
    throw new LeptaError("malformed", `${sku}: a unit such as "token"`);
  // Several of them are under way before a statement is due.
  const bound = below < MOST_OF_A_PIECE ? below : MOST_OF_A_PIECE;
  const piece = Number((bound - 1n) / each.value);
  if (piece < 1)
    throw new LeptaError(
      "bad-amount",
      `${sku}: a unit costs too much to be metered, or nothing is sold on lanes`,
    );
  return { price: each, meter: { unit: price.unit, most, piece: Math.min(piece, most) } };
}

/** In millionths. */
const MOST_OF_A_PIECE = limits.unstatedAmount / 10n;

const fits = ({ segments, isOpen }: Pattern, asked: readonly string[]): boolean =>
  (isOpen ? asked.length >= segments.length : asked.length === segments.length) &&
  segments.every((segment, i) => segment === undefined || segment === asked[i]);

function segmentsOf(path: string): readonly string[] {
  return path
    .split("/")
    .filter((segment) => segment !== "")
    .map((segment) => decoded(segment).toLowerCase());
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // What is no percent-encoding stands for itself, as servers take it.
    return segment;
  }
}
