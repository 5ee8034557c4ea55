/** What the tools take. Each refuses an argument that it does not have: there is none for a limit. */
import { limits } from "@lepta/protocol";
import { z } from "zod";

const url = z.string().min(1).max(2048).describe("Address of a page at a host that the configuration lists.");
const merchant = z
  .string()
  .min(1)
  .max(limits.addressLength)
  .describe("Address of a merchant that the configuration lists, wss://…");
const sku = z.string().min(1).max(limits.skuLength).describe("The item's name at the merchant.");
const quantity = z.int().min(1).max(limits.quantity).describe("How many; 1 where nothing is said.");
const method = z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
const body = z
  .string()
  .max(256 * 1024)
  .describe("What is sent, as text.");
const type = z
  .string()
  .regex(/^[a-z0-9!#$&^_.+-]{1,64}\/[a-z0-9!#$&^_.+-]{1,64}(; ?charset=[a-z0-9-]{1,32})?$/i)
  .describe("The body's media type; application/json where nothing is said.");

const place = {
  url: url.optional(),
  method: method.optional(),
  body: body.optional(),
  type: type.optional(),
  merchant: merchant.optional(),
  sku: sku.optional(),
  quantity: quantity.optional(),
};

const argumentsOf = <const T extends z.ZodRawShape>(shape: T) =>
  z.strictObject(shape).check((context) => {
    const given = context.value as Partial<z.infer<z.ZodObject<typeof place>>>;
    const fault = faultIn(given);
    if (fault !== undefined) context.issues.push({ code: "custom", message: fault, input: given });
  });

export const quoteArguments = argumentsOf(place);
export const payArguments = argumentsOf(place);
export const balanceArguments = z.strictObject({});
export const receiptsArguments = z.strictObject({
  txn: z
    .string()
    .regex(/^[A-Za-z0-9_-]{22}$/)
    .describe("The purchase's name; without it the latest purchases are listed.")
    .optional(),
});

export interface Page {
  readonly url: string;
  readonly method: string;
  readonly body: string | undefined;
  readonly type: string | undefined;
}

export interface Item {
  readonly merchant: string;
  readonly sku: string;
  readonly quantity: number;
}

/** A page, or an item of a merchant. */
export type Place = Page | Item;

/** What the arguments name, which were checked before. */
export function placeOf(given: z.infer<typeof payArguments>): Place {
  const { url: page, merchant: seller = "", sku: item = "", quantity: count = 1 } = given;
  if (page === undefined) return { merchant: seller, sku: item, quantity: count };
  const { body: text, method: verb = text === undefined ? "GET" : "POST" } = given;
  const mediaType = text === undefined ? undefined : (given.type ?? "application/json");
  return { url: page, method: verb, body: text, type: mediaType };
}

function faultIn(given: Partial<z.infer<z.ZodObject<typeof place>>>): string | undefined {
  const isPage = given.url !== undefined;
  const isItem = given.merchant !== undefined || given.sku !== undefined;
  if (isPage === isItem) return "say either url, or merchant and sku";
  if (isItem && (given.merchant === undefined || given.sku === undefined))
    return "merchant and sku belong together";
  if (isPage && given.quantity !== undefined) return "quantity belongs to merchant and sku";
  if (isItem && (given.method ?? given.body ?? given.type) !== undefined)
    return "method, body and type belong to url";
  if (given.body !== undefined && (given.method === "GET" || given.method === "HEAD"))
    return `a ${given.method} has no body`;
  return given.type !== undefined && given.body === undefined ? "type belongs to body" : undefined;
}
