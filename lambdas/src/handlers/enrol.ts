/** The function `enrol`. */
import { enrol } from "../pipeline/enrol.ts";
import { brokerFor } from "../wiring.ts";
import { entry, type Factory } from "./function.ts";
import { type HttpHandler, httpHandler } from "./http.ts";

export const createEnrol: Factory<HttpHandler> = (wiring) => {
  const broker = brokerFor(wiring, "enrol");
  return httpHandler(wiring.observer, { "POST /enrol": (body) => enrol(broker, body) });
};

export const handler = entry(createEnrol);
