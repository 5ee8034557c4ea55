/** `lepta wallet receipt`: proof of one purchase for anybody, offline. */
import { resolve } from "node:path";
import { formatAmount, isRefusal, type VerifiedReceipt, verifyReceipt } from "@lepta/protocol";
import type { Answer, Command } from "../command.ts";
import { Fault } from "../fault.ts";
import { optionsFor, withWallet } from "../party.ts";
import { plain } from "../plain.ts";
import { writeNewFile } from "../private-file.ts";
import { time } from "../table.ts";
import { purchaseNamed } from "./purchase-named.ts";

export const walletReceipt: Command = {
  name: "wallet receipt",
  summary: "proof of a purchase",
  help:
    "Checks a purchase's receipt and shows what it proves; with -o it is written to a file that anybody can check who knows the\n" +
    "broker's thumbprint, -o - writes it to standard output. The purchase's name is in lepta wallet history,\n" +
    "last is the latest. The exit status is 4 while the merchant has not signed for it yet: some seconds at most.",
  examples: ["npx lepta wallet receipt last"],
  arguments: [{ name: "txn" }],
  options: [
    { name: "output", short: "o", value: "file", summary: "writes it there; the file must not be there yet" },
  ],
  run: async (context) => {
    const { broker } = await optionsFor(context, "wallet");
    const network = new URL(broker).hash.slice(1);
    return withWallet(context, async (wallet): Promise<Answer> => {
      const bytes = await wallet.receipt(await purchaseNamed(wallet, context.argument("txn") ?? ""));
      const proven = await verifyReceipt(bytes, network, { now: context.clock.now() });
      if (isRefusal(proven))
        throw new Fault(
          proven.code,
          `The receipt does not hold: ${proven.detail ?? proven.code}.`,
          "Keep the wallet's directory as it is, and ask the merchant and the broker's operator.",
        );
      const facts = { ...factsOf(proven), bytes: bytes.length };
      const output = context.option("output");
      if (output === "-") return { lines: [], bytes, json: { ...facts, receipt: base64url(bytes) } };
      if (output === undefined)
        return { lines: linesOf(proven), json: { ...facts, receipt: base64url(bytes) } };
      const file = resolve(context.cwd, output);
      await writeNewFile(file, bytes);
      return {
        lines: [...linesOf(proven), `file      ${file}, ${bytes.length} bytes`],
        json: { ...facts, file },
      };
    });
  },
};

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

const factsOf = ({
  txn,
  network,
  customer,
  merchant,
  order,
  charged,
  ok,
  at,
  recordedAt,
}: VerifiedReceipt) => ({
  txn,
  network,
  customer,
  merchant,
  sku: order.sku,
  description: order.description,
  quantity: order.quantity,
  ok,
  charged: formatAmount(charged),
  at,
  recordedAt: recordedAt ?? null,
});

const linesOf = ({
  txn,
  network,
  customer,
  merchant,
  order,
  charged,
  ok,
  reason,
  at,
  recordedAt,
}: VerifiedReceipt) =>
  [
    "This receipt holds: merchant and customer cannot deny it.",
    `item      ${order.quantity} × ${order.sku}${order.description === "" ? "" : ` (${order.description})`}`,
    `charged   ${formatAmount(charged)}${ok ? "" : `, refused (${reason ?? ""})`}`,
    `time      ${time(at)} UTC${recordedAt === undefined ? "" : `, at the broker ${time(recordedAt)}`}`,
    `merchant  ${merchant}`,
    `customer  ${customer}`,
    `broker    ${network}`,
    `name      ${txn}`,
  ].map(plain);
