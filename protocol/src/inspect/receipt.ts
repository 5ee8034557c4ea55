/** A receipt: its parts, and the very steps of `verifyReceipt`. */
import { thumbprint } from "../cose/key.ts";
import { isRefusal } from "../errors.ts";
import { readReceipt, receiptSteps } from "../receipt/steps.ts";
import type { Step } from "../step.ts";
import { fieldsOf, nested } from "./fields.ts";
import type { InspectedField } from "./inspection.ts";
import { check, field, type Part, type Place, refused, type Verdict } from "./report.ts";
import { bytesText, count } from "./text.ts";

/** A file that says that it is a receipt, or undefined where its fields are wrong. */
export async function readReceiptFile(bytes: Uint8Array, place: Place): Promise<Part | undefined> {
  const receipt = readReceipt(bytes);
  if (isRefusal(receipt)) {
    check(place, "File", refused(receipt));
    return undefined;
  }
  const { report } = place;
  const own = thumbprint(receipt.rootKey);
  const { network = own, now, suite, revoked } = report.context;
  const options = {
    ...(now === undefined ? {} : { now }),
    ...(suite === undefined ? {} : { suite }),
    ...(revoked === undefined ? {} : { revoked }),
  };
  for (const step of receiptSteps(bytes, network, options).steps)
    check(place, step.name, () => judgeStep(step, place, own));
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
    fields.push(field("Statement", "over the run", { fields: await statementFields(statement, quiet) }));
    if (recorded !== undefined)
      fields.push(
        field("Recorded by the broker", `entry ${recorded.index}`, {
          fields: await fieldsOf(recorded, quiet),
        }),
      );
  }
  const title = run === undefined ? "Receipt of a signed purchase" : "Receipt of a purchase on a lane";
  return { kind: "receipt", title, figure: { number: 7, message: "M2" }, fields };
}

async function judgeStep(step: Step, { report }: Place, own: string): Promise<Verdict> {
  const { network, now } = report.context;
  const outcome = await step.outcome();
  if (outcome.state === "fails") return refused(outcome.refusal);
  if (outcome.state === "open") return ["unknown", `not checked, as this does not hold: ${outcome.needs}`];
  // What holds without the pin or the clock was not compared with them.
  if (step.name === "Root key" && network === undefined)
    return ["unknown", `no network given; the receipt is of ${own}`];
  if (step.name === "Date" && now === undefined) return ["unknown", "no clock given"];
  return ["good", step.says];
}

async function statementFields(
  signed: { readonly statement: Uint8Array; readonly merchant?: Uint8Array; readonly customer?: Uint8Array },
  place: Place,
): Promise<readonly InspectedField[]> {
  const { statement, merchant, customer } = signed;
  const said = await nested("What is signed", statement, place, () => true);
  const bySide = (name: string, signature: Uint8Array | undefined): InspectedField =>
    signature === undefined
      ? field(name, "missing")
      : field(name, bytesText(signature), { note: count(signature.length, "byte") });
  return [said, bySide("Merchant's signature", merchant), bySide("Customer's signature", customer)];
}
