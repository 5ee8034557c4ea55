/** The function `notices`: what the broker is told and only records. */
import { recordIntent, recordNotices } from "../pipeline/record-notices.ts";
import { brokerFor } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { type HttpHandler, httpHandler } from "./http.ts";

export const createNotices: Factory<HttpHandler> = (wiring) => {
  const broker = brokerFor(wiring, "acknowledge");
  return httpHandler(wiring.observer, {
    "POST /intent": (body) => recordIntent(broker, body),
    "POST /notices": (body) => recordNotices(broker, body),
  });
};

export const handler = entry(createNotices);
