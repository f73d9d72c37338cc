/** The shells that complete our command lines: this machine's own, else Debian's, unpacked in the cache. */
import { copyFile, mkdir, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { once } from "./cache-folder.ts";
import { unpackPackages } from "./debian-packages.ts";
import { mayProvide } from "./service.ts";

export interface ShellProgram {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
  /** What it has to read first, to find its own parts where they were not installed. */
  readonly preamble: string;
}

const PACKAGES = ["zsh", "zsh-common", "fish", "fish-common", "libpcre2-32-0"] as const;
const SYSTEM_BASH_COMPLETION = "/usr/share/bash-completion/bash_completion";

/** Null where it is neither here nor may be fetched. Throws Unavailable where it may, and cannot. */
export async function findShell(name: "bash" | "zsh" | "fish"): Promise<ShellProgram | null> {
  const path = Bun.which(name);
  if (path !== null) return { path, env: {}, preamble: "" };
  if (name === "bash" || !mayProvide()) return null;
  const { root, env } = await unpackPackages("shells", PACKAGES);
  const libraries = { LD_LIBRARY_PATH: env["LD_LIBRARY_PATH"] ?? "" };
  if (name === "fish") return { path: await relocatedFish(root), env: libraries, preamble: "" };
  const [complete = ""] = [...new Bun.Glob("usr/lib/*/zsh/*/zsh/complete.so").scanSync({ cwd: root })];
  const lines = [
    `module_path=('${join(root, complete, "../..")}')`,
    `fpath=('${root}'/usr/share/zsh/functions/**/*(/))`,
  ];
  return { path: join(root, "bin/zsh"), env: libraries, preamble: `${lines.join("\n")}\n` };
}

/** The script of the package bash-completion, on the same terms. */
export async function findBashCompletion(): Promise<string | null> {
  if (await Bun.file(SYSTEM_BASH_COMPLETION).exists()) return SYSTEM_BASH_COMPLETION;
  if (!mayProvide()) return null;
  const { root } = await unpackPackages("bash-completion", ["bash-completion"]);
  return join(root, SYSTEM_BASH_COMPLETION);
}

/** It looks for its functions beside the folder `bin` that it is in, and in `etc` and `share` there. */
async function relocatedFish(root: string): Promise<string> {
  const tree = await once(`fish-of-${basename(root)}`, async (folder) => {
    await mkdir(join(folder, "bin"));
    await copyFile(join(root, "usr/bin/fish"), join(folder, "bin/fish"));
    await symlink(join(root, "usr/share"), join(folder, "share"));
    await symlink(join(root, "etc"), join(folder, "etc"));
  });
  return join(tree, "bin/fish");
}
