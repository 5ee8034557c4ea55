/**
 * A Vite plugin that lets production code count its own steps: every call of a function and every turn of a loop adds one
 * to `globalThis.leptaSteps.count`. The code does otherwise what it did; only the fuzzing project loads it so.
 */
import type { Plugin } from "vitest/config";

/** What is counted: our own code, not its tests and not what it imports. */
const COUNTED = /\/(protocol|lambdas|peer-sdk)\/src\/.*\.ts$/;

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly body?: unknown;
}

/** The plugin; its place is after whatever turns TypeScript into JavaScript. */
export const countSteps = (): Plugin => ({
  name: "lepta-count-steps",
  enforce: "post",
  transform(code, id) {
    const [file = ""] = id.split("?");
    return COUNTED.test(file)
      ? { code: counted(code, this.parse(code) as unknown as Node), map: null }
      : null;
  },
});

const FUNCTIONS: ReadonlySet<string> = new Set([
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunctionExpression",
]);
const LOOPS: ReadonlySet<string> = new Set([
  "ForStatement",
  "ForInStatement",
  "ForOfStatement",
  "WhileStatement",
  "DoWhileStatement",
]);
const STEP = "__steps.count++";

/** The code with a step at the head of each body. No line is added, so that places in traces stay right. */
function counted(code: string, program: Node): string {
  const inserts: { readonly at: number; readonly text: string }[] = [];
  walk(program, (node) => {
    const body = node.body as Node | undefined;
    if (body === undefined || !(FUNCTIONS.has(node.type) || LOOPS.has(node.type))) return;
    if (body.type === "BlockStatement") inserts.push({ at: body.start + 1, text: `${STEP};` });
    else {
      const [before, after] = LOOPS.has(node.type) ? [`{${STEP};`, "}"] : [`(${STEP},`, ")"];
      inserts.push({ at: body.start, text: before }, { at: body.end, text: after });
    }
  });
  // A sort that keeps the order of what is inserted at one place: outer bodies begin before and end after inner ones.
  const ordered = inserts
    .map((each, order) => ({ ...each, order: each.text.endsWith(")") || each.text === "}" ? -order : order }))
    .sort((a, b) => a.at - b.at || a.order - b.order);
  let out = "const __steps=globalThis.leptaSteps??={count:0};";
  let from = 0;
  for (const { at, text } of ordered) {
    out += code.slice(from, at) + text;
    from = at;
  }
  return out + code.slice(from);
}

function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) for (const each of value) walk(each, visit);
  else if (typeof value === "object" && value !== null && "type" in value) {
    visit(value as Node);
    for (const each of Object.values(value)) if (typeof each === "object") walk(each, visit);
  }
}
