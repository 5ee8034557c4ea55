/**
 * What the published packages export, as their sources declare it. TypeScript 7 tells it through the interface that it
 * brings with it: TypeDoc needs TypeScript 6 beside it, 48 MB and twelve seconds, and prints codecs' inferred types in full.
 */
import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import {
  isArrowFunction,
  isClassDeclaration,
  isConstructorDeclaration,
  isFunctionDeclaration,
  isGetAccessorDeclaration,
  isInterfaceDeclaration,
  isMethodDeclaration,
  isTypeAliasDeclaration,
  isVariableDeclaration,
  type Node,
  type TypeAliasDeclaration,
} from "typescript/unstable/ast";
import {
  API,
  type Checker,
  type Symbol as Named,
  NodeBuilderFlags,
  type Project,
  SymbolFlags,
} from "typescript/unstable/sync";
import { PACKAGES, root } from "./packages.ts";

/** Everything behind one of a package's doors. */
export interface Door {
  /** As it is imported: `@lepta/peer-sdk/records`. */
  readonly name: string;
  /** The folder of its package. */
  readonly folder: string;
  /** What the door's source says of itself. */
  readonly about: string;
  readonly exports: readonly Exported[];
}

/** One exported name. */
export interface Exported {
  readonly name: string;
  readonly kind: "class" | "function" | "const" | "interface" | "type";
  /** Where it is declared, relative to the repository's root. */
  readonly file: string;
  /** Its docstring; empty where it has none. */
  readonly about: string;
  /** TypeScript, without a body. */
  readonly signature: string;
  /** What stands inside a class or an interface, in its order. */
  readonly members: readonly Member[];
  /** Whether a browser finds it behind the same door. */
  readonly isInBrowsers: boolean;
}

/** A method, property or constructor. */
export interface Member {
  readonly name: string;
  readonly isStatic: boolean;
  /** Whether it is called; otherwise it is read. */
  readonly isMethod: boolean;
  readonly about: string;
  readonly signature: string;
}

/** All doors in the order of the packages and their manifests. Throws where a door leads to no module. */
export async function readDoors(): Promise<readonly Door[]> {
  const config = join(root, "doors.tsconfig.json");
  const include = PACKAGES.map((folder) => `${folder}/src`);
  const text = JSON.stringify({ extends: "./tsconfig.json", include });
  // The compiler is told of a configuration that is nowhere on disk: with all of the repository it takes seven times as long.
  const readVirtual = (path: string) => (path === config ? text : undefined);
  const api = new API({
    cwd: root,
    fs: { readFile: readVirtual, fileExists: (path) => (path === config ? true : undefined) },
  });
  try {
    const [project] = api.updateSnapshot({ openProjects: [config] }).getProjects();
    if (project === undefined) throw new Error("the packages' sources cannot be opened");
    const doors: Door[] = [];
    for (const folder of PACKAGES) doors.push(...(await doorsOf(project, folder)));
    return doors;
  } finally {
    api.close();
  }
}

async function doorsOf(project: Project, folder: string): Promise<readonly Door[]> {
  const { name, exports } = JSON.parse(await readFile(join(root, folder, "package.json"), "utf8")) as {
    readonly name: string;
    readonly exports: Readonly<
      Record<string, string | { readonly default: string; readonly browser?: string }>
    >;
  };
  return Object.entries(exports).map(([door, target]) => {
    const source = join(folder, typeof target === "string" ? target : target.default);
    const other = typeof target === "string" ? undefined : target.browser;
    const symbols = exportsOf(project, source);
    const inBrowsers =
      other === undefined
        ? undefined
        : new Set(exportsOf(project, join(folder, other)).map(([found]) => found));
    return {
      name: join(name, door),
      folder,
      about: headerOf(sourceOf(project, source).getFullText()),
      exports: symbols.map(([found, symbol]) => ({
        ...describe(project.checker, found, symbol),
        isInBrowsers: inBrowsers?.has(found) ?? true,
      })),
    };
  });
}

function sourceOf(project: Project, source: string) {
  const file = project.program.getSourceFile(join(root, source));
  if (file === undefined) throw new Error(`the door ${source} is not there`);
  return file;
}

function exportsOf({ program, checker }: Project, source: string): readonly (readonly [string, Named])[] {
  const file = program.getSourceFile(join(root, source));
  const module = file && checker.getSymbolAtLocation(file);
  if (module === undefined) throw new Error(`the door ${source} leads to no module`);
  return checker
    .getExportsOfModule(module)
    .map((found) => [found.name, found.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found]);
}

function describe(checker: Checker, name: string, symbol: Named): Omit<Exported, "isInBrowsers"> {
  const node = symbol.declarations[0]?.resolve();
  if (node === undefined) throw new Error(`${name} is declared nowhere`);
  return {
    name,
    ...shapeOf(checker, name, node),
    file: relative(root, node.getSourceFile().fileName),
    about: flat(checker.getDocumentationCommentOfSymbol(symbol)),
  };
}

type Shape = Pick<Exported, "kind" | "signature" | "members">;

function shapeOf(checker: Checker, name: string, node: Node): Shape {
  if (isClassDeclaration(node) || isInterfaceDeclaration(node)) {
    const kind = isClassDeclaration(node) ? "class" : "interface";
    const open = isClassDeclaration(node) ? publicMembers(node.members) : [...node.members];
    const head = [...(node.typeParameters ?? [])].map((parameter) => parameter.getText()).join(", ");
    const bases = [...(node.heritageClauses ?? [])].map((clause) => ` ${clause.getText()}`).join("");
    const signature = `${kind} ${name}${head && `<${head}>`}${bases}`;
    return { kind, signature, members: open.map((member) => memberOf(checker, name, member)) };
  }
  if (isTypeAliasDeclaration(node))
    return { kind: "type", signature: declarationOf(checker, node), members: [] };
  if (isFunctionDeclaration(node))
    return { kind: "function", signature: `${name}${callOf(checker, node)}`, members: [] };
  if (!isVariableDeclaration(node)) throw new Error(`${name} is of a kind that the reference does not know`);
  const { type, initializer } = node;
  if (type === undefined && initializer !== undefined && isArrowFunction(initializer))
    return { kind: "function", signature: `${name}${callOf(checker, initializer)}`, members: [] };
  const inferred = checker.getTypeAtLocation(node);
  const words = type?.getText() ?? (inferred && checker.typeToString(inferred)) ?? "unknown";
  return { kind: "const", signature: `const ${name}: ${flat(words)}`, members: [] };
}

/** A type's declaration; where that only names the codec that reads it, the type itself, unless it holds structures in turn. */
function declarationOf(checker: Checker, node: TypeAliasDeclaration): string {
  const written = flat(node.getText()).replace(/^export /, "");
  const read = /= Value<typeof \w+>;$/.test(written) ? checker.getTypeFromTypeNode(node.type) : undefined;
  if (read === undefined) return written;
  const flags = NodeBuilderFlags.InTypeAlias | NodeBuilderFlags.NoTruncation;
  const words = checker.typeToString(read, undefined, flags).replace(" & {}", "").replace(" } & { ", " ");
  return words.includes("Struct<") ? written : `type ${node.name.text} = ${words};`;
}

/** What an embedder may use: neither private nor, by its docstring, `@internal`. */
const publicMembers = (members: Iterable<Node>): readonly Node[] =>
  [...members].filter(
    (member) =>
      !commentOf(member).includes("@internal") &&
      !/^(?:static |readonly |async |get |set )*(?:#|private )/.test(member.getText()),
  );

function memberOf(checker: Checker, owner: string, node: Node): Member {
  const isStatic = /^static\b/.test(node.getText());
  const about = commentOf(node);
  if (isConstructorDeclaration(node))
    return {
      name: "new",
      isStatic,
      isMethod: true,
      about,
      signature: `new ${owner}${callOf(checker, node)}`,
    };
  const name = /^(?:(?:static|readonly|async|get) )*(\[[^\]]*\]|\w+)/.exec(node.getText())?.[1] ?? "";
  if (isMethodDeclaration(node))
    return { name, isStatic, isMethod: true, about, signature: `${name}${callOf(checker, node)}` };
  if (isGetAccessorDeclaration(node))
    return { name, isStatic, isMethod: false, about, signature: `${name}${callOf(checker, node).slice(2)}` };
  const signature = flat(node.getText())
    .replace(/^(?:(?:static|readonly) )+/, "")
    .replace(/;$/, "");
  return { name, isStatic, isMethod: /^\w+[(<]/.test(signature), about, signature };
}

type Callable = Node & { readonly body?: Node; readonly type?: Node; readonly name?: Node };

/** From the type parameters to the result. */
function callOf(checker: Checker, node: Callable): string {
  const file = node.getSourceFile();
  const start = isArrowFunction(node) || node.name === undefined ? node.getStart() : node.name.end;
  const end = isArrowFunction(node)
    ? node.equalsGreaterThanToken.getStart()
    : (node.body?.getStart() ?? node.end);
  const words = flat(file.getFullText().slice(start, end)).replace(/^(?:async |constructor)+/, "");
  if (node.type !== undefined || isConstructorDeclaration(node)) return words;
  const signature = checker.getSignatureFromDeclaration(node);
  const result = signature && checker.getReturnTypeOfSignature(signature);
  return `${words}: ${result === undefined ? "unknown" : checker.typeToString(result)}`;
}

/** The sentence right above a member. */
function commentOf(node: Node): string {
  const above = node.getSourceFile().getFullText().slice(node.pos, node.getStart());
  return bare(/\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*$/.exec(above)?.[1] ?? "");
}

const headerOf = (source: string): string => bare(/^\/\*\*((?:[^*]|\*(?!\/))*)\*\//.exec(source)?.[1] ?? "");

const bare = (comment: string): string => flat(comment.replaceAll(/^\s*\* ?/gm, ""));

/** On one line, without comments of its own. */
const flat = (text: string): string =>
  text
    .replaceAll(/\/\*\*(?:[^*]|\*(?!\/))*\*\//g, "")
    .replaceAll(/\s+/g, " ")
    .replaceAll(/([([]) | (?=[)\]])/g, "$1")
    .replaceAll(/,(?=[)\]])/g, "")
    .trim();
