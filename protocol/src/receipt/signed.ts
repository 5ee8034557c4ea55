/** The steps of a receipt whose M1 and M2 are signed each by itself (figure 7). */
import type { Credential } from "../credential.ts";
import { readMessage, verifyMessage } from "../envelope.ts";
import { isRefusal, refuse } from "../errors.ts";
import { purchaseSpendCodec } from "../messages/parts.ts";
import { purchaseRequest, purchaseResponse } from "../messages/purchase.ts";
import type { Receipt } from "../messages/receipt.ts";
import type { Uid } from "../schema.ts";
import { readScrip, readSpend } from "../scrip.ts";
import { type Step, step } from "../step.ts";
import { checkCharge } from "./charge.ts";
import type { PurchaseSteps, Said } from "./said.ts";

/** M1 and M2 can be read, belong together, charge what was asked for the right scrip, and each is signed by its side. */
export function signedSteps(receipt: Receipt, network: Uid): PurchaseSteps {
  const parts = step("M1 and M2", "both can be read", [], () => readParts(receipt));
  const content = [
    parts,
    step("Reference", "M2 answers this M1", [parts], ({ request, response }) =>
      response.payload.txn === request.payload.txn && response.payload.request === request.digest
        ? true
        : refuse("wrong-reference", "M2 answers another M1"),
    ),
    step("Amounts", "what was charged is the price", [parts], ({ said }) => checkCharge(said) ?? true),
    step("Scrip", "the merchant's own, the customer's, and the one that was spent", [parts], checkScrip),
  ];
  const signatures = (customer: Step<Credential>, merchant: Step<Credential>) => [
    step("Customer's signature", "over M1", [parts, customer, merchant], ({ request, said }, C, M) => {
      const signer = { key: C.verifyingKey, kid: C.uid, from: C.uid };
      return verifyMessage(request, { ...signer, to: M.uid, network, now: said.at });
    }),
    step("Merchant's signature", "over M2", [parts, customer, merchant], ({ response, said }, C, M) => {
      const signer = { key: M.verifyingKey, kid: M.uid, from: M.uid };
      return verifyMessage(response, { ...signer, to: C.uid, network, now: said.at });
    }),
  ];
  return { parts, content, signatures };
}

function readParts(receipt: Receipt) {
  const request = readMessage(receipt.request, [purchaseRequest]);
  if (isRefusal(request)) return request;
  const response = readMessage(receipt.response, [purchaseResponse]);
  if (isRefusal(response)) return response;
  const spend = readSpend(purchaseSpendCodec, request.payload.spend);
  if (isRefusal(spend)) return spend;
  const scrip = readScrip(spend.scrip[0]);
  if (isRefusal(scrip)) return scrip;
  const { txn } = request.payload;
  const { order, amount, metered } = spend;
  const { ok, reason, charged, goods, goodsType, issuedAt: at } = response.payload;
  const bought = { txn, order, amount, metered, ok, reason, charged };
  const said: Said = { ...bought, goods, goodsType, at, place: undefined };
  return { request, response, scrip, said };
}

/** What M refuses may be no scrip of its own: then just that is proved. */
function checkScrip({ request, response, scrip }: Exclude<ReturnType<typeof readParts>, { code: unknown }>) {
  const { from: customer, to: merchant } = request.payload;
  const { kind, network, issuer, owner, id } = scrip;
  const { ok, spent } = response.payload;
  const isRightScrip = kind === "vendor" && issuer === merchant && owner === customer && id === spent;
  if (ok && (!isRightScrip || network !== request.payload.network)) return refuse("scrip-mismatch");
  return true;
}
