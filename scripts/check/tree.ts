/** The files of the repository as the rules see them: text of all, syntax of the TypeScript ones. */
import { join } from "node:path";
import { type Module, parseModules } from "./module.ts";

export interface RepositoryFile {
  readonly path: string;
  readonly text: string;
  readonly executable: boolean;
}

export interface Tree {
  readonly root: string;
  /** Text files that git tracks or would track. */
  readonly files: readonly RepositoryFile[];
  readonly modules: readonly Module[];
}

const IGNORED_WITHOUT_GIT = /^(?:\.git|node_modules|dist|coverage)\//;
const LARGEST_BYTES = 4 * 1024 * 1024;

export async function readTree(root: string): Promise<Tree> {
  const files: RepositoryFile[] = [];
  for (const path of await listPaths(root)) {
    const file = await readText(root, path);
    if (file !== null) files.push(file);
  }
  return treeOf(root, files);
}

/** Also for the rules' own tests, with files that exist nowhere. */
export async function treeOf(root: string, files: readonly RepositoryFile[]): Promise<Tree> {
  const sources = files.filter(({ path }) => /^(?:src|tests|scripts)\/.*\.ts$/.test(path));
  return { root, files, modules: await parseModules(sources) };
}

async function listPaths(root: string): Promise<string[]> {
  const git = Bun.which("git");
  if (git !== null) {
    const command = [git, "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    const { exitCode, stdout } = Bun.spawnSync(command, { stderr: "ignore" });
    if (exitCode === 0) return [...new Set(stdout.toString().split("\0"))].filter(Boolean).sort();
  }
  const all = await Array.fromAsync(new Bun.Glob("**/*").scan({ cwd: root, dot: true }));
  return all.filter((path) => !IGNORED_WITHOUT_GIT.test(path)).sort();
}

/** Null for what was deleted meanwhile, is no text, or is larger than anything that a person wrote. */
async function readText(root: string, path: string): Promise<RepositoryFile | null> {
  const file = Bun.file(join(root, path));
  const stat = await file.stat().catch(() => null);
  if (stat === null || !stat.isFile() || stat.size > LARGEST_BYTES) return null;
  const text = await file.text();
  return text.includes("\0") ? null : { path, text, executable: (stat.mode & 0o111) !== 0 };
}
