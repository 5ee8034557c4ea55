/** The function `notices`: what the broker is told of purchases and only records. It can write no purse and no transaction. */
import { recordNotices } from "../pipeline/record-notices.ts";
import { brokerFor } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { type HttpHandler, httpHandler } from "./http.ts";

export const createNotices: Factory<HttpHandler> = (wiring) => {
  const broker = brokerFor(wiring, "acknowledge");
  return httpHandler(wiring.observer, {
    "POST /notices": (body) => recordNotices(broker, body),
  });
};

export const handler = entry(createNotices);
