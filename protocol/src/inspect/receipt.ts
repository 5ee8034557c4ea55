/** A receipt: its parts, and the very steps of `verifyReceipt`. */
import type { Cbor } from "../cbor.ts";
import { thumbprint } from "../cose/key.ts";
import { isRefusal } from "../errors.ts";
import type { SignedStatement } from "../messages/signed-statement.ts";
import { readReceipt, receiptSteps } from "../receipt/steps.ts";
import { openStatement } from "../statement.ts";
import type { Step } from "../step.ts";
import { cborField } from "./cbor.ts";
import { fieldsOf, nested } from "./fields.ts";
import type { InspectedField } from "./inspection.ts";
import { check, field, type Part, type Place, refused, type Verdict } from "./report.ts";
import { bytesText, count } from "./text.ts";

/** A file that says that it is a receipt. */
export async function readReceiptFile(bytes: Uint8Array, item: Cbor, place: Place): Promise<Part> {
  const receipt = readReceipt(bytes);
  if (isRefusal(receipt)) {
    check(place, "File", refused(receipt));
    return {
      kind: "receipt",
      title: "Receipt that cannot be read",
      fields: [cborField("Content", item, place)],
    };
  }
  const { report } = place;
  const own = thumbprint(receipt.rootKey);
  const { network = own, now, suite, revoked } = report.context;
  const options = {
    ...(now === undefined ? {} : { now }),
    ...(suite === undefined ? {} : { suite }),
    ...(revoked === undefined ? {} : { revoked }),
  };
  const { steps, byNetwork, byClock } = receiptSteps(bytes, network, options);
  // What holds without a pin or a clock was not compared with them.
  const isOpen: Open = (step) => {
    if (report.context.network === undefined && byNetwork.includes(step))
      return `no network given; the receipt is of ${own}`;
    return now === undefined && byClock.includes(step) ? "no clock given" : undefined;
  };
  for (const step of steps) check(place, step.name, () => judgeStep(step, isOpen));
  // The steps judge each part; to judge it once more would say the same by other rules.
  const quiet: Place = { ...place, isQuiet: true };
  const { rootKey, customer, merchant, request, response, run } = receipt;
  const isItem = ({ kind }: Part): boolean => kind === "lane item" || kind === "signed message";
  const isCredential = ({ kind }: Part): boolean => kind === "credential";
  const fields: InspectedField[] = [
    await nested("Root key", rootKey, quiet, () => true),
    await nested("Customer's credential", customer, quiet, isCredential),
    await nested("Merchant's credential", merchant, quiet, isCredential),
    await nested("What was asked (M1)", request, quiet, isItem),
    await nested("What was answered (M2)", response, quiet, isItem),
  ];
  if (run !== undefined) {
    const { before, earlier, later, statement, recorded } = run;
    fields.push(
      field("Chain's hash before the run", bytesText(before)),
      field("Elements of the run before this purchase", String(earlier.length)),
      field("Elements after it", String(later.length)),
    );
    fields.push(
      field("Statement", "with its signatures", { fields: await statementFields(statement, quiet) }),
    );
    if (recorded !== undefined)
      fields.push(
        field("Recorded by the broker", `entry ${recorded.index}`, {
          fields: await fieldsOf(recorded, quiet),
        }),
      );
  }
  const title = run === undefined ? "Receipt of a signed purchase" : "Receipt of a purchase on a lane";
  return { kind: "receipt", title, fields };
}

/** Why a step that holds says less than it does with all at hand. */
type Open = (step: Step) => string | undefined;

async function judgeStep(step: Step, isOpen: Open): Promise<Verdict> {
  const outcome = await step.outcome();
  if (outcome.state === "fails") return refused(outcome.refusal);
  if (outcome.state === "open") return ["unknown", `not checked, as this does not hold: ${outcome.needs}`];
  const open = isOpen(step);
  return open === undefined ? ["good", step.says] : ["unknown", open];
}

async function statementFields(signed: SignedStatement, place: Place): Promise<readonly InspectedField[]> {
  const read = openStatement(signed);
  const bySide = (name: string, signature: Uint8Array | undefined): InspectedField =>
    signature === undefined
      ? field(name, "missing")
      : field(name, bytesText(signature), { note: count(signature.length, "byte") });
  return [
    ...(isRefusal(read) ? [] : await fieldsOf(read.payload, place)),
    bySide("Merchant's signature", signed.merchant),
    bySide("Customer's signature", signed.customer),
  ];
}
