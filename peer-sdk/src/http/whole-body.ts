/** Responses whose body is at hand: who wants it whole need not read it as a stream, which costs more than all else of it. */

const bodies = new WeakMap<Response, Uint8Array<ArrayBuffer>>();

/** A response of these bytes, which nobody changes from then on. */
export function wholeResponse(body: Uint8Array<ArrayBuffer>, init: ResponseInit): Response {
  const response = new Response(body, init);
  bodies.set(response, body);
  return response;
}

/** The body's bytes; undefined where they have to be read, or somebody else reads them. */
export const wholeBody = (response: Response): Uint8Array<ArrayBuffer> | undefined =>
  response.bodyUsed || response.body?.locked === true ? undefined : bodies.get(response);
