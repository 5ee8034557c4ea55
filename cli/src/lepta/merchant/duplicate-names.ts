/** Names that stand twice in one object of a JSON text, of which `JSON.parse` silently keeps the last. */

/** They, each once; of a text that is JSON. */
export function duplicateNames(text: string): readonly string[] {
  const twice = new Set<string>();
  /** Of each object that is open its names, of each array nothing. */
  const open: (Set<string> | undefined)[] = [];
  for (const [token, colon] of tokens(text)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (colon) {
      const name = JSON.parse(token) as string;
      const names = open.at(-1);
      if (names?.has(name)) twice.add(name);
      names?.add(name);
    }
  }
  return [...twice];
}

/** Brackets and strings; a string before a colon is a name. */
function* tokens(text: string): Generator<readonly [token: string, isName: boolean]> {
  for (const [, token = "", colon] of text.matchAll(/("(?:[^"\\]|\\.)*"|[{}[\]])(\s*:)?/gs))
    yield [token, colon !== undefined];
}
