/** The grammar that `WWW-Authenticate` and `Authorization` share (RFC 9110 section 11): schemes, each with a token or parameters. */
import { limits } from "@lepta/protocol";

export interface Scheme {
  /** In lower case: schemes are compared without case. */
  readonly name: string;
  /** What stands in place of parameters. */
  readonly token?: string;
  /** By name in lower case; undefined where one is said twice or there are too many. */
  readonly parameters: ReadonlyMap<string, string> | undefined;
}

/**
 * The schemes of a header in their order, also of several headers joined by commas. What cannot be read ends the reading:
 * only what stands whole before it counts.
 */
export function readSchemes(header: string): readonly Scheme[] {
  const found: Scheme[] = [];
  let at = skip(LIST, header, 0);
  while (at < header.length && found.length < limits.challenges) {
    const read = readScheme(header, at);
    if (read === undefined) break;
    found.push(read.scheme);
    at = skip(LIST, header, read.end);
  }
  return found;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const TOKEN68 = /[0-9A-Za-z._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const SPACE = /[ \t]*/y;
const LIST = /[ \t,]*/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"([^"\\]*(?:\\.[^"\\]*)*)"/sy;
/** Nothing else may follow a value than the end or a comma. */
const ENDS = /[ \t]*(?:,|$)/y;
/** What stands behind a backslash; four hexadecimal digits behind a `u` are a UTF-16 unit, as mppx writes what is not Latin-1. */
const ESCAPE = /\\(?:u([0-9A-Fa-f]{4})|(.))/gs;

/** The match that begins at this place. */
function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

const skip = (pattern: RegExp, text: string, at: number): number =>
  at + (matchAt(pattern, text, at)?.[0].length ?? 0);

function readScheme(header: string, start: number): { scheme: Scheme; end: number } | undefined {
  const [name] = matchAt(TOKEN, header, start) ?? [];
  if (name === undefined) return undefined;
  const behind = start + name.length;
  const at = skip(SPACE, header, behind);
  const scheme = { name: name.toLowerCase() };
  // A scheme alone.
  if (at === header.length || header[at] === ",")
    return { scheme: { ...scheme, parameters: new Map() }, end: at };
  if (at === behind) return undefined;
  const [token] = matchAt(TOKEN68, header, at) ?? [];
  if (token !== undefined)
    return { scheme: { ...scheme, token, parameters: new Map() }, end: at + token.length };
  const read = readParameters(header, at);
  return read && { scheme: { ...scheme, parameters: read.parameters }, end: read.end };
}

function readParameters(
  header: string,
  start: number,
): { parameters: Scheme["parameters"]; end: number } | undefined {
  const parameters = new Map<string, string>();
  let said = 0;
  let end = start;
  for (let at = start; at < header.length; at = skip(LIST, header, end)) {
    const read = readParameter(header, at);
    // A token without a value behind it is the next scheme; behind the scheme itself it is nothing that we know.
    if (read === undefined) {
      if (said === 0) return undefined;
      break;
    }
    if (read === "unreadable") return undefined;
    parameters.set(read.name, read.value);
    said += 1;
    end = read.end;
  }
  return {
    parameters: parameters.size === said && said <= limits.challengeParameters ? parameters : undefined,
    end,
  };
}

type Parameter = { readonly name: string; readonly value: string; readonly end: number };

/** A parameter, or nothing where none begins, or that its value cannot be read. */
function readParameter(header: string, at: number): Parameter | "unreadable" | undefined {
  const [name] = matchAt(TOKEN, header, at) ?? [];
  if (name === undefined) return undefined;
  const equals = matchAt(EQUALS, header, at + name.length);
  if (equals === null) return undefined;
  const behind = at + name.length + equals[0].length;
  const quoted = matchAt(QUOTED, header, behind);
  const [raw] = quoted ?? matchAt(TOKEN, header, behind) ?? [];
  if (raw === undefined) return "unreadable";
  const end = behind + raw.length;
  if (matchAt(ENDS, header, end) === null) return "unreadable";
  return { name: name.toLowerCase(), value: quoted ? unescaped(quoted[1] ?? "") : raw, end };
}

const unescaped = (text: string): string =>
  text.replace(ESCAPE, (_, unit: string | undefined, character: string) =>
    unit === undefined ? character : String.fromCharCode(Number.parseInt(unit, 16)),
  );
