/** `lepta merchant serve`: sells what a catalogue says, until it is stopped. */
import { resolve } from "node:path";
import { formatAmount, type Merchant } from "@lepta/peer-sdk";
import { columns } from "../../report.ts";
import { numberOf } from "../amount.ts";
import type { Command, Context } from "../command.ts";
import { explain } from "../fault.ts";
import { withMerchant } from "../party.ts";
import { plain } from "../plain.ts";
import { type Article, readCatalogue } from "./catalogue.ts";

const PORT = "8790";
const HOST = "127.0.0.1";

export const merchantServe: Command = {
  name: "merchant serve",
  summary: "sells what a catalogue says",
  help:
    "Reads the catalogue and the files that it names, sells them over WebSockets, and prints its address. Ctrl-C or SIGTERM ends\n" +
    "it in good order. It listens on this machine alone; with another --host put TLS in front. A catalogue is\n\n" +
    '  { "article-17": { "price": "EUR 0.02", "description": "What it is", "text": "The whole story." },\n' +
    '    "photo-3": { "price": "EUR 0.10", "file": "photo-3.jpg", "type": "image/jpeg" } }\n\n' +
    "where files are below the catalogue's own directory. What they hold is read once: start it again after a change.",
  examples: [
    'echo \'{ "article-17": { "price": "EUR 0.02", "text": "The whole story." } }\' > catalogue.json && npx lepta merchant serve catalogue.json',
  ],
  arguments: [{ name: "catalogue.json" }],
  options: [
    { name: "port", value: "number", summary: `where it listens (${PORT}; 0 takes a free one)` },
    { name: "host", value: "address", summary: `on which address (${HOST})` },
  ],
  run: async (context) => {
    const port = numberOf("--port", context.option("port") ?? PORT, 0, 65_535);
    const host = context.option("host") ?? HOST;
    const articles = await readCatalogue(resolve(context.cwd, context.argument("catalogue.json") ?? ""));
    const catalogue = Object.fromEntries(
      articles.map(({ sku, price, description, goods }) => [
        sku,
        { price: formatAmount(price), description, deliver: () => goods },
      ]),
    );
    const onError = (error: unknown): void => complain(context, error);
    // To be stopped is how it ends well, and no interruption.
    const patient = { ...context, signal: new AbortController().signal };
    const work = (merchant: Merchant) => serve(context, merchant, articles, { port, host });
    return withMerchant(patient, work, { catalogue, onError });
  },
};

async function serve(
  context: Context,
  merchant: Merchant,
  articles: readonly Article[],
  place: { readonly port: number; readonly host: string },
): Promise<undefined> {
  const { url } = await merchant.serve(place);
  const address = `${url}#${merchant.uid}`;
  const [first] = articles;
  const buy =
    first && `npx lepta wallet buy "${address}" ${quoted(first.sku)} --max "${formatAmount(first.price)}"`;
  await context.tell({
    lines: [
      `Sells at ${address}`,
      ...columns(
        articles.map(({ sku, price, description }) => [
          `  ${plain(sku)}`,
          formatAmount(price),
          plain(description),
        ]),
      ),
      "",
      `Buy, in another terminal:\n  ${buy}`,
      "",
      "Ctrl-C stops it.",
    ],
    json: {
      url: address,
      uid: merchant.uid,
      items: articles.map(({ sku, price, description }) => ({
        sku,
        price: formatAmount(price),
        description,
      })),
      buy,
    },
  });
  await stopped(context.signal);
  return undefined;
}

/** To be stopped is how it ends well. */
const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

function complain({ stderr }: Context, error: unknown): void {
  const { code, message } = explain(error);
  stderr(`lepta: ${code}: ${message}\n`).catch(() => undefined);
}

/** As a shell reads it. */
const quoted = (text: string): string =>
  /^[A-Za-z0-9_.:/-]+$/.test(text) ? text : `'${plain(text).replaceAll("'", "'\\''")}'`;
