/** The function `settle`: merchants are paid. */
import { settleMerchant } from "../pipeline/settle-merchant.ts";
import { brokerFor } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { type HttpHandler, httpHandler } from "./http.ts";

export const createSettle: Factory<HttpHandler> = (wiring) => {
  const broker = brokerFor(wiring, "decide");
  return httpHandler(wiring.observer, { "POST /settle": (body) => settleMerchant(broker, body) });
};

export const handler = entry(createSettle);
