/** The function `fund`: figure 6, and BrokerScrip on its way back. */
import { obtainBrokerScrip } from "../pipeline/obtain-brokerscrip.ts";
import { redeemBrokerScrip, renewBrokerScrip } from "../pipeline/return-brokerscrip.ts";
import { brokerFor } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { type HttpHandler, httpHandler } from "./http.ts";

export const createFund: Factory<HttpHandler> = (wiring) => {
  const broker = brokerFor(wiring, "decide");
  return httpHandler(wiring.observer, {
    "POST /brokerscrip": (body) => obtainBrokerScrip(broker, body),
    "POST /renew": (body) => renewBrokerScrip(broker, body),
    "POST /redeem": (body) => redeemBrokerScrip(broker, body),
  });
};

export const handler = entry(createFund);
