/** An answer of a handler: as it is kept, as the goods of its sale, and as it is sent. */
import { LeptaError, limits, utf8 } from "@lepta/protocol";
import { Goods } from "../goods.ts";
import { bytesOf } from "../http/bounded-body.ts";
import { contentDigest } from "../http/content-digest.ts";
import { wholeBody, wholeResponse } from "../http/whole-body.ts";
import type { Answer } from "./answers.ts";

/** What is known of it before the handler has run. */
export type AnswerOf = Pick<Answer, "payment" | "purchase" | "isOnLane" | "sku" | "at">;

/** The answer to keep. Throws `delivery-failed` where it is longer than a fixed price can be asked for. */
export async function takeAnswer(response: Response, known: AnswerOf): Promise<Answer> {
  const whole = wholeBody(response);
  if (whole !== undefined && whole.length > limits.paidAnswerBytes) throw tooLong();
  const body = whole ?? (await bodyOf(response));
  return { ...headOf(response, known), body };
}

/** The same of an answer that has left already; without its body where that was too long to keep. */
export const sentAnswer = (response: Response, known: AnswerOf, body: Uint8Array | undefined): Answer => ({
  ...headOf(response, known),
  ...(body === undefined ? {} : { body }),
});

/** What a receipt proves of it: its status and the digest of its body. */
export function goodsFor(id: string, { status, body = NOTHING }: Answer): Goods {
  const said = { challenge: id, status, "content-digest": contentDigest(body) };
  return new Goods("application/json", utf8(JSON.stringify(said)));
}

/** The answer as HTTP sends it, with these headers besides its own. */
export function responseOf(
  { status, headers, body }: Answer,
  more: Readonly<Record<string, string>>,
): Response {
  const all = new Headers(headers.map(([name, value]): [string, string] => [name, value]));
  for (const [name, value] of Object.entries(more)) all.set(name, value);
  const isBodiless = status === 204 || status === 205 || status === 304;
  return isBodiless || body === undefined
    ? new Response(null, { status, headers: all })
    : wholeResponse(new Uint8Array(body), { status, headers: all });
}

function headOf({ status, headers }: Response, known: AnswerOf): Omit<Answer, "body"> {
  const all = [...headers];
  const isKeepable =
    all.length <= limits.answerHeaders && all.every(([, value]) => value.length <= limits.answerHeaderLength);
  if (!isKeepable) throw new LeptaError("delivery-failed", "more headers than a paid answer may have");
  return { ...known, status, headers: all };
}

async function bodyOf({ body }: Response): Promise<Uint8Array> {
  const whole = await bytesOf(body, limits.paidAnswerBytes);
  if (whole === undefined) throw tooLong();
  return whole;
}

const tooLong = (): LeptaError =>
  new LeptaError(
    "delivery-failed",
    `the answer is longer than ${limits.paidAnswerBytes} bytes: sell it in parts, or meter it`,
  );

const NOTHING = new Uint8Array(0);
