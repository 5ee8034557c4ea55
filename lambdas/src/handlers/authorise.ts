/** The function `authorise`: figure 8 from its intent on, the same backwards, its reversal, and abort. */
import { abortTransaction } from "../pipeline/ask-transaction.ts";
import { obtainVendorScrip } from "../pipeline/obtain-vendorscrip.ts";
import { recordIntent } from "../pipeline/record-notices.ts";
import { refundVendorScrip } from "../pipeline/refund-vendorscrip.ts";
import { claimCredit, reverseCredit } from "../pipeline/reverse-credit.ts";
import { brokerFor } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { type HttpHandler, httpHandler } from "./http.ts";

export const createAuthorise: Factory<HttpHandler> = (wiring) => {
  const broker = brokerFor(wiring, "decide");
  return httpHandler(wiring.observer, {
    "POST /intent": (body) => recordIntent(broker, body),
    "POST /authorise": (body) => obtainVendorScrip(broker, body),
    "POST /refund": (body) => refundVendorScrip(broker, body),
    "POST /reversal": (body) => reverseCredit(broker, body),
    "POST /claim": (body) => claimCredit(broker, body),
    "POST /abort": (body) => abortTransaction(broker, body),
  });
};

export const handler = entry(createAuthorise);
