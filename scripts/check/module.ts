/** A TypeScript file with its syntax tree, parsed by the compiler itself, all files in one go. */
import { type Node, type SourceFile, SyntaxKind } from "typescript/unstable/ast";
import { API } from "typescript/unstable/async";
import { createVirtualFileSystem } from "typescript/unstable/fs";

export interface Module {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly syntax: SourceFile;
}

// The compiler is shown a file system that holds the given texts and nothing else: no library, no
// packages, so that it parses and does not check, and a snippet in a test is parsed like a real file.
const ROOT = "/tree";
const OPTIONS = { noLib: true, noResolve: true, types: [], allowImportingTsExtensions: true, noEmit: true };

export async function parseModules(
  sources: readonly { readonly path: string; readonly text: string }[],
): Promise<Module[]> {
  if (sources.length === 0) return [];
  const config = `${ROOT}/tsconfig.json`;
  const files: Record<string, string> = {
    [config]: JSON.stringify({ files: sources.map(({ path }) => path), compilerOptions: OPTIONS }),
  };
  for (const { path, text } of sources) files[`${ROOT}/${path}`] = text;
  const api = new API({ cwd: ROOT, fs: createVirtualFileSystem(files) });
  try {
    const snapshot = await api.updateSnapshot({ openProject: config });
    const program = snapshot.getProject(config)?.program;
    if (program === undefined) throw new Error("The compiler opened no project for the tree");
    const parse = async ({ path, text }: { path: string; text: string }): Promise<Module> => {
      const syntax = await program.getSourceFile(`${ROOT}/${path}`);
      if (syntax === undefined) throw new Error(`The compiler did not parse ${path}`);
      return { path, text, lines: text.split("\n"), syntax };
    };
    return await Promise.all(sources.map(parse));
  } finally {
    await api.close();
  }
}

/** The line, from 1, on which a node starts, its comments left out. */
export function lineOf(module: Module, node: Node): number {
  return module.syntax.getLineAndCharacterOfPosition(node.getStart(module.syntax)).line + 1;
}

/** Lines from the first token of a node to its last. */
export function lineCountOf(module: Module, node: Node): number {
  const last = module.syntax.getLineAndCharacterOfPosition(node.end).line + 1;
  return last - lineOf(module, node) + 1;
}

/** Every node below this one, outer before inner. */
export function* walk(node: Node): Generator<Node> {
  const children: Node[] = [];
  node.forEachChild((child) => {
    children.push(child);
  });
  for (const child of children) {
    yield child;
    yield* walk(child);
  }
}

/** `(x)`, `x satisfies T` and `x as T` stand for x; `as const` too, so look for it first. */
export function unwrap(node: Node): Node {
  const wrapped =
    node.kind === SyntaxKind.ParenthesizedExpression ||
    node.kind === SyntaxKind.SatisfiesExpression ||
    node.kind === SyntaxKind.AsExpression;
  return wrapped && "expression" in node ? unwrap(node.expression as Node) : node;
}
