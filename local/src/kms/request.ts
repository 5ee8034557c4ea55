// One KMS request as operations read it, and the faults they answer with.

/** An error of the KMS protocol: answered with HTTP 400, `type` being the exception name the SDK throws. */
export class KmsFault extends Error {
  override readonly name = "KmsFault";
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

/** The members of one request body; every reader throws a `KmsFault` where the member has the wrong shape. */
export class KmsRequest {
  readonly #members: ReadonlyMap<string, unknown>;

  constructor(body: string) {
    const value = parseBody(body);
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new KmsFault("SerializationException", "The request body is not a JSON object");
    }
    // JSON 1.1 clients may send null for a member they leave out.
    this.#members = new Map(Object.entries(value).filter(([, member]) => member !== null));
  }

  /** Whether the member is present and not false. */
  asks(name: string): boolean {
    return (this.#members.get(name) ?? false) !== false;
  }

  /** The string member, or undefined where it is left out. */
  optionalText(name: string): string | undefined {
    const value = this.#members.get(name);
    if (value === undefined || typeof value === "string") return value;
    throw new KmsFault("SerializationException", `${name} is not a string`);
  }

  /** The string member, which must be there and not empty. */
  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined || value === "") throw invalid(name, "must not be null or empty");
    return value;
  }

  /** The string member, `fallback` where it is left out; it must be one of `known`. */
  choice<Value extends string>(name: string, known: readonly Value[], fallback?: Value): Value {
    const value = this.optionalText(name) ?? fallback;
    const match = known.find((candidate) => candidate === value);
    if (match === undefined) throw invalid(name, `must be one of ${known.join(", ")}`);
    return match;
  }

  /** The integer member between `least` and `most`, or undefined where it is left out. */
  optionalInteger(name: string, least: number, most: number): number | undefined {
    const value = this.#members.get(name);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    throw invalid(name, `must be an integer between ${least} and ${most}`);
  }

  /** The bytes of the base64 member: at least one, at most `limit`. */
  bytes(name: string, limit: number): Buffer {
    const text = this.text(name);
    const value = Buffer.from(text, "base64");
    // Node skips what is not base64, so only text that encodes back to itself was base64.
    if (value.toString("base64") !== text) {
      throw new KmsFault("SerializationException", `${name} is not base64`);
    }
    if (value.length > limit) throw invalid(name, `must have length less than or equal to ${limit}`);
    return value;
  }

  /** The EncryptionContext as pairs sorted by name, so that equal contexts are equal lists; empty by default. */
  encryptionContext(): readonly (readonly [string, string])[] {
    const value = this.#members.get("EncryptionContext") ?? {};
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new KmsFault("SerializationException", "EncryptionContext is not an object");
    }
    const pairs = Object.entries(value).map(([name, member]: [string, unknown]) => {
      if (typeof member === "string") return [name, member] as const;
      throw new KmsFault("SerializationException", "EncryptionContext holds a value that is not a string");
    });
    return pairs.sort(([left], [right]) => (left < right ? -1 : 1));
  }
}

function parseBody(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // The parser's own message would quote the body, which may hold a plaintext.
    throw new KmsFault("SerializationException", "The request body is not JSON");
  }
}

function invalid(name: string, rule: string): KmsFault {
  return new KmsFault("ValidationException", `1 validation error detected: ${name} ${rule}`);
}
