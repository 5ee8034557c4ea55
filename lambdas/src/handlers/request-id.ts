/** The platform's name of a request, as its event tells it: API Gateway's id, or the id of an event of the clock. */

/** Nothing where the event names none, or names something that is no id. */
export function requestIdOf(event: unknown): { readonly requestId?: string } {
  const { requestContext, id } = (event ?? {}) as { requestContext?: { requestId?: unknown }; id?: unknown };
  const found = requestContext?.requestId ?? id;
  return typeof found === "string" && /^[\w=-]{1,64}$/.test(found) ? { requestId: found } : {};
}
