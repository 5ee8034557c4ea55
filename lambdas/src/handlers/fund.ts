/** The function `fund`: figure 6. */
import { obtainBrokerScrip } from "../pipeline/obtain-brokerscrip.ts";
import { brokerFor } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { type HttpHandler, httpHandler } from "./http.ts";

export const createFund: Factory<HttpHandler> = (wiring) => {
  const broker = brokerFor(wiring, "decide");
  return httpHandler({ "POST /brokerscrip": (body) => obtainBrokerScrip(broker, body) });
};

export const handler = entry(createFund);
