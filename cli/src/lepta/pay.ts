/** `lepta pay`: fetches a URL as curl does, and pays where it is asked to. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { formatAmount, type HttpPayment, LeptaError, type Payer, type Wallet } from "@lepta/peer-sdk";
import { limits } from "@lepta/protocol";
import { UsageFault } from "../usage.ts";
import { amountText } from "./amount.ts";
import type { Answer, Command, Context } from "./command.ts";
import { exit, explain, Fault } from "./fault.ts";
import { withWallet } from "./party.ts";
import { plain, plainLines } from "./plain.ts";
import { writeNewFile } from "./private-file.ts";
import { asText, outputMustBeFree } from "./wallet/goods.ts";

export const pay: Command = {
  name: "pay",
  summary: "fetches a URL and pays where it is asked to",
  help:
    "Asks for a page as curl does and writes the answer to standard output, or with -o to a file. Where the site answers 402 with a\n" +
    "challenge of Lepta, it is paid for and asked again; what it has cost is said on standard error. Never more than --max is paid.\n" +
    "The same command after one whose outcome was not told brings what was paid for, and pays nothing twice.\n" +
    "It ends with 0 where the site answered with success, with 3 where a payment was refused or would cost too much, and with 1\n" +
    "where the site answered with another failure, whose text is written all the same.",
  examples: [
    'npx lepta pay http://127.0.0.1:3000/report --max "EUR 0.05"',
    'npx lepta pay http://127.0.0.1:3000/report --max "EUR 0.05" --quote',
    'npx lepta pay http://127.0.0.1:3000/ask -X POST -d "What is money?" -H "content-type: text/plain" --max "EUR 0.05"',
  ],
  arguments: [{ name: "url" }],
  options: [
    { name: "max", value: "amount", summary: 'the most that may be paid, "EUR 0.05"', isRequired: true },
    { name: "per-day", value: "amount", summary: "the most that this command may pay within 24 hours" },
    { name: "method", short: "X", value: "method", summary: "GET, or POST where there is a body" },
    {
      name: "data",
      short: "d",
      value: "text",
      summary: "the body; @file reads it from a file, @- from standard input",
    },
    {
      name: "header",
      short: "H",
      value: "name: value",
      summary: "a header of the request",
      isRepeated: true,
    },
    {
      name: "output",
      short: "o",
      value: "file",
      summary: "writes the answer there; the file must not be there yet",
    },
    { name: "quote", summary: "only tells what it costs" },
  ],
  run: async (context) => {
    const request = await requestOf(context);
    const max = amountText("--max", context.option("max") ?? "");
    const perDay = context.option("per-day");
    outputMustBeFree(context);
    return withWallet(context, async (wallet: Wallet) => {
      const payer = wallet.payer({
        max,
        ...(perDay === undefined ? {} : { perDay: amountText("--per-day", perDay) }),
        hosts: [new URL(request.url).host],
        budget: "pay",
      });
      return context.flag("quote") ? quote(context, payer, request) : fetchAndPay(context, payer, request);
    });
  },
};

async function quote(context: Context, payer: Payer, request: Request): Promise<Answer> {
  const { status, price, merchant, realm, description } = await context.during(
    "Asking",
    reached(payer.quote(request)),
  );
  const isAsked = price !== undefined;
  return {
    lines: isAsked
      ? [`${price} at ${plain(realm ?? "")}: ${plain(description ?? "")}`]
      : [`It answers ${status}, and asks for nothing that this wallet can pay.`],
    json: { url: request.url, status, price: price ?? null, merchant, realm, description },
    status: isAsked || status < 400 ? exit.ok : exit.decided,
  };
}

async function fetchAndPay(context: Context, payer: Payer, request: Request): Promise<Answer> {
  const { url } = request;
  const { response, payment } = await context.during("Fetching", reached(payer.fetch(request)));
  const { status } = response;
  const type = response.headers.get("content-type") ?? "application/octet-stream";
  const shown = await hand(context, response, type).catch(async (error: unknown) => {
    throw payment === undefined ? error : await brokenOff(context, error, payment);
  });
  const charged = await payment?.charged().then(formatAmount, () => undefined);
  return {
    ...shown,
    json: {
      url,
      status,
      type,
      ...shown.json,
      ...(payment === undefined ? {} : { txn: payment.txn, charged: charged ?? null }),
    },
    asides: asidesOf(status, payment, charged),
    status: status < 400 ? exit.ok : status === PAYMENT_REQUIRED ? exit.decided : exit.other,
  };
}

const PAYMENT_REQUIRED = 402;

/** What came was paid for, and no more. */
async function brokenOff(
  { json, stdout, option }: Context,
  error: unknown,
  { txn, charged }: HttpPayment,
): Promise<Fault> {
  if (!json && option("output") === undefined) await stdout("\n");
  const { code, message, exit: status } = explain(error);
  const cost = await charged().then(
    (amount) => `${formatAmount(amount)} was paid`,
    () => "what was paid is not known yet",
  );
  const isOver = code === "over-max";
  return new Fault(
    code,
    `The answer broke off, and ${cost} for what came (${txn}).${isOver ? "" : ` ${message}`}`,
    isOver
      ? "Give a higher --max to have all of it; it begins anew."
      : "Ask again, where it is worth it: it begins anew.",
    status,
  );
}

function asidesOf(status: number, payment: HttpPayment | undefined, charged: string | undefined) {
  const said = status < 400 ? [] : [`The site answered ${status}.`];
  if (payment === undefined) return [...said, "Nothing was paid."];
  const cost = charged === undefined ? "What it has cost is not known yet." : `Paid ${charged}.`;
  return [...said, `${cost} The receipt: lepta wallet receipt ${payment.txn}`];
}

/** Writes the answer as it comes, where somebody can take it so. */
async function hand(context: Context, response: Response, type: string): Promise<Answer> {
  const output = context.option("output");
  if (output !== undefined) {
    const bytes = await wholeOf(response);
    const file = resolve(context.cwd, output);
    await writeNewFile(file, bytes);
    const lines = [`${bytes.length} bytes of ${plain(type)} are in ${file}.`];
    return { lines, json: { bytes: bytes.length, file } };
  }
  if (context.json) {
    const bytes = await wholeOf(response);
    const text = asText(bytes);
    const body = text === undefined ? { base64: Buffer.from(bytes).toString("base64") } : { text };
    return { lines: [], json: { bytes: bytes.length, ...body } };
  }
  const { stdout, isTerminal } = context;
  // A terminal would obey what it is given.
  const isShown = !isTerminal.stdout || /^(text\/|application\/(.*\+)?json)/.test(type);
  const decoder = new TextDecoder();
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (!isTerminal.stdout) await stdout(chunk);
    else if (isShown) await stdout(plainLines(decoder.decode(chunk, { stream: true })));
  }
  const lines = isShown
    ? []
    : [`${length} bytes of ${plain(type)}: the same command with -o <file> writes such an answer to a file.`];
  return { lines, json: { bytes: length } };
}

const wholeOf = async (response: Response): Promise<Uint8Array> =>
  new Uint8Array(await reached(response.arrayBuffer()));

async function requestOf(context: Context): Promise<Request> {
  const { argument, option, options, signal } = context;
  const url = URL.parse(argument("url") ?? "");
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageFault(`${JSON.stringify(argument("url"))} is no http or https address`);
  const body = await bodyOf(context);
  const method = option("method") ?? (body === undefined ? "GET" : "POST");
  const headers = new Headers();
  for (const each of options("header")) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)$/.exec(each) ?? [];
    if (name === undefined || value === undefined)
      throw new UsageFault(`-H ${JSON.stringify(each)} is no header such as "accept: text/plain"`);
    headers.append(name, value);
  }
  try {
    return new Request(url, { method, headers, signal, ...(body === undefined ? {} : { body }) });
  } catch (error) {
    throw new UsageFault(error instanceof Error ? error.message : String(error));
  }
}

async function bodyOf({ option, stdin, cwd }: Context): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const data = option("data");
  if (data === undefined) return undefined;
  if (!data.startsWith("@")) return new TextEncoder().encode(data);
  const bytes =
    data === "@-" ? await stdin(limits.paidBodyBytes) : await readFile(resolve(cwd, data.slice(1)));
  return new Uint8Array(bytes);
}

/** A site that cannot be reached is a fault of the network and none of ours. */
async function reached<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const { cause } = error;
    throw new LeptaError("unreachable", cause instanceof Error ? cause.message : error.message);
  }
}
