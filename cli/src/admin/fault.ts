/** What went wrong, in one sentence for the operator: never a stack trace. */

/** A fault whose message is that sentence. */
export class AdminFault extends Error {
  override readonly name = "AdminFault";
}

/** The sentence for whatever was thrown. */
export function sentenceFor(error: unknown): string {
  if (error instanceof AdminFault) return error.message;
  if (!(error instanceof Error)) return `Something failed: ${String(error)}`;
  const unreachable = whyUnreachable(error);
  if (unreachable !== undefined)
    return `AWS cannot be reached (${unreachable}): check the network, the region and AWS_ENDPOINT_URL_*.`;
  if (/region is missing/i.test(error.message))
    return "No AWS region is set: give --region, or set AWS_REGION.";
  if (error.name === "CredentialsProviderError")
    return "There are no AWS credentials: log in, or set AWS_PROFILE.";
  if (BAD_CREDENTIALS.has(error.name))
    return `AWS does not take these credentials (${error.name}): log in again.`;
  if (error.name.startsWith("AccessDenied")) return `AWS does not permit this: ${firstLine(error.message)}`;
  // A plain error's name says nothing; a service's says what it is.
  return error.name === "Error" ? firstLine(error.message) : `${error.name}: ${firstLine(error.message)}`;
}

/** Why no answer came, where that is what went wrong. */
export function whyUnreachable(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === "TimeoutError") return "no answer in time";
  const code = codeOf(error);
  return code !== undefined && UNREACHABLE.has(code) ? `${code}${placeOf(error)}` : undefined;
}

const UNREACHABLE = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
]);

const BAD_CREDENTIALS = new Set([
  "UnrecognizedClientException",
  "InvalidSignatureException",
  "SignatureDoesNotMatch",
  "ExpiredTokenException",
  "ExpiredToken",
  "InvalidClientTokenId",
]);

/** The system's code, of the error itself, of its cause, or of the first of several. */
function codeOf(error: Error): string | undefined {
  const { code, cause, errors } = error as {
    readonly code?: unknown;
    readonly cause?: unknown;
    readonly errors?: readonly unknown[];
  };
  if (typeof code === "string") return code;
  const inner = cause ?? errors?.[0];
  return inner instanceof Error ? codeOf(inner) : undefined;
}

function placeOf(error: Error): string {
  const { address, port, hostname } = error as {
    readonly address?: unknown;
    readonly port?: unknown;
    readonly hostname?: unknown;
  };
  if (typeof hostname === "string") return ` ${hostname}`;
  return typeof address === "string" ? ` ${address}:${String(port)}` : "";
}

const firstLine = (text: string): string => text.split("\n", 1)[0] ?? "";
