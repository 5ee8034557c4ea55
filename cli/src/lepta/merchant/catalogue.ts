/** A catalogue as a merchant writes it, read strictly: each fault names the item and says how to mend it. */
import { realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { Goods } from "@lepta/peer-sdk";
import { type Amount, GOODS_TYPE, LeptaError, limits, parseAmount } from "@lepta/protocol";
import { exit, Fault } from "../fault.ts";
import { plain } from "../plain.ts";
import { ItemFault, readBounded, readFileBelow } from "./catalogue-file.ts";
import { duplicateNames } from "./duplicate-names.ts";

/** One item with what is delivered for it. */
export interface Article {
  readonly sku: string;
  readonly price: Amount;
  readonly description: string;
  readonly goods: Goods;
}

/** Bytes of a catalogue, items in it, and bytes of all goods: they are held in memory. */
const MOST_BYTES = 4 * 1024 * 1024;
const MOST_ITEMS = 10_000;
const MOST_GOODS = 256 * 1024 * 1024;
/** Faults that are told at once. */
const MOST_FAULTS = 20;
const MEMBERS = ["price", "description", "text", "file", "type"];

/** Reads it and the files that it names. Throws a `Fault` with the code `bad-catalogue` that says all that is wrong. */
export async function readCatalogue(path: string): Promise<readonly Article[]> {
  const value = parse(path, await readText(path));
  const entries = Object.entries(value);
  if (entries.length === 0)
    throw wrong(path, [
      'it has no item: write one such as "article-17": { "price": "EUR 0.02", "text": "…" }',
    ]);
  if (entries.length > MOST_ITEMS)
    throw wrong(path, [`it has more than ${MOST_ITEMS} items: serve some of them`]);
  const base = await realpath(dirname(path));
  const faults: string[] = [];
  const articles: Article[] = [];
  let bytes = 0;
  for (const [sku, item] of entries) {
    const article = await readItem(base, sku, item).catch((error: unknown) => {
      if (!(error instanceof ItemFault)) throw error;
      faults.push(`${JSON.stringify(sku)}: ${error.message}`);
      return undefined;
    });
    if (article === undefined) continue;
    articles.push(article);
    bytes += article.goods.bytes.length;
    if (bytes > MOST_GOODS)
      throw wrong(path, [`its goods are more than ${MOST_GOODS} bytes together: serve some of them`]);
  }
  const currencies = [...new Set(articles.map(({ price }) => price.currency))];
  if (currencies.length > 1)
    faults.push(
      `its prices are in ${currencies.join(" and ")}: a broker deals in one currency, use that one`,
    );
  if (faults.length > 0) throw wrong(path, faults);
  return articles;
}

async function readText(path: string): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await readBounded(path, MOST_BYTES, path));
  } catch (error) {
    if (error instanceof ItemFault) throw wrong(path, [error.message]);
    if (error instanceof TypeError) throw wrong(path, ["it is no UTF-8: save it as UTF-8"]);
    throw error;
  }
}

function parse(path: string, text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong(path, [`it is no JSON: ${error instanceof Error ? error.message : String(error)}`]);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(path, [
      'it must be an object of items: { "article-17": { "price": "EUR 0.02", "text": "…" } }',
    ]);
  const twice = duplicateNames(text);
  if (twice.length > 0)
    throw wrong(
      path,
      twice.map((name) => `${JSON.stringify(name)} stands there twice: which of the two counts? Remove one`),
    );
  return value;
}

async function readItem(base: string, sku: string, item: unknown): Promise<Article> {
  if (sku === "" || sku.length > limits.skuLength || !sku.isWellFormed())
    throw new ItemFault(`a name has 1 to ${limits.skuLength} characters: choose a shorter one`);
  if (typeof item !== "object" || item === null || Array.isArray(item))
    throw new ItemFault('an item is an object: write { "price": "EUR 0.02", "text": "…" }');
  const members = item as Readonly<Record<string, unknown>>;
  const unknown = Object.keys(members).filter((name) => !MEMBERS.includes(name));
  if (unknown.length > 0)
    throw new ItemFault(
      `${unknown.map((name) => JSON.stringify(name)).join(", ")} is not known here: an item has ${MEMBERS.join(", ")}`,
    );
  const price = readPrice(members.price);
  const description = textOf(members, "description") ?? "";
  if (description.length > limits.descriptionLength || !description.isWellFormed())
    throw new ItemFault(`its description is longer than ${limits.descriptionLength} characters: shorten it`);
  return { sku, price, description, goods: await readGoods(base, members) };
}

function readPrice(price: unknown): Amount {
  const hint = 'write it as "EUR 0.02": a currency, a space, a number above 0 with at most six places';
  if (price === undefined) throw new ItemFault(`it has no price: ${hint}`);
  // A number would have no currency, and cents that no floating point holds.
  if (typeof price !== "string")
    throw new ItemFault(`its price is ${JSON.stringify(price)} and no text: ${hint}`);
  try {
    const amount = parseAmount(price);
    if (amount.value > 0n) return amount;
  } catch (error) {
    if (!(error instanceof LeptaError)) throw error;
  }
  throw new ItemFault(`its price is ${JSON.stringify(price)}: ${hint}`);
}

async function readGoods(base: string, members: Readonly<Record<string, unknown>>): Promise<Goods> {
  const text = textOf(members, "text");
  const file = textOf(members, "file");
  if ((text === undefined) === (file === undefined))
    throw new ItemFault(
      text === undefined
        ? 'there is nothing to deliver: give it a "text", or a "file" below the catalogue\'s directory'
        : 'it has a "text" and a "file": which of the two is delivered? Remove one',
    );
  const type = textOf(members, "type") ?? (text === undefined ? "application/octet-stream" : GOODS_TYPE);
  if (type !== GOODS_TYPE && !/^[\x21-\x7e][\x20-\x7e]{0,126}$/.test(type))
    throw new ItemFault(`its type is ${JSON.stringify(type)}: write a media type such as "image/jpeg"`);
  const bytes = text === undefined ? await readFileBelow(base, file ?? "") : new TextEncoder().encode(text);
  if (bytes.length > limits.deliveryBytes)
    throw new ItemFault(
      `its goods have ${bytes.length} bytes, and ${limits.deliveryBytes} fit into one delivery: split them`,
    );
  if (bytes.length === 0) throw new ItemFault("its goods are empty: there is nothing to sell");
  return new Goods(type, bytes);
}

function textOf(members: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = members[name];
  if (value === undefined || typeof value === "string") return value;
  throw new ItemFault(`its ${name} is ${JSON.stringify(value).slice(0, 40)} and no text: put it in quotes`);
}

const MEND = "Mend the catalogue and start again; lepta merchant serve --help shows one.";

function wrong(path: string, faults: readonly string[]): Fault {
  const told = faults.slice(0, MOST_FAULTS).map(plain);
  const more = faults.length > told.length ? [`and ${faults.length - told.length} more`] : [];
  return new Fault("bad-catalogue", `${path}: ${[...told, ...more].join("; ")}.`, MEND, exit.usage);
}
