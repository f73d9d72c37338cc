/** Compiles the program for one target. */
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { signAdHoc } from "./mach-o.ts";
import { ROOT } from "./source.ts";

/** Written by scripts/profile-order.ts. */
export const BYTECODE_ORDER = join(ROOT, "scripts/release/bytecode-order.txt");

export interface Build {
  readonly entry: string;
  readonly outfile: string;
  readonly target: string;
  readonly version: string;
  readonly commit: string;
}

/** Written beside its place and renamed, so that whoever starts it meanwhile has the old or the new one. */
export async function compile({ entry, outfile, target, version, commit }: Build): Promise<void> {
  if (!existsSync(entry)) throw new Error(`There is no ${entry} to build`);
  const scratch = join(dirname(outfile), `.building-${process.pid}`);
  // Bun leaves its own scratch file in the working folder when it is killed. And it makes the names of
  // chunks from the way that leads from there to the sources: always the same, wherever the outfile is.
  const workingFolder = join(ROOT, "dist", `.building-in-${process.pid}`);
  for (const folder of [scratch, workingFolder]) await mkdir(folder, { recursive: true });
  // The name is written into the executable: two builds of one commit are equal only under one name.
  const unfinished = join(scratch, basename(outfile));
  const flags = [
    "--compile",
    "--minify",
    "--bytecode",
    "--format=esm",
    // What a command does not need is not even loaded: 8 ms and 1 MB of every start.
    "--splitting",
    // A start gains nothing from compiling its own code early: 3 MB and 2 ms less. From the first task on it is as by
    // default: see src/runtime/jit-policy.ts, which has to know this figure.
    "--compile-jit-policy=20",
    // The code of a start lies side by side: a third of a millisecond and 1.4 MB less.
    `--bytecode-order=${BYTECODE_ORDER}`,
    `--target=${target}`,
    // Otherwise the program runs a preload of any bunfig.toml and loads any .env where it is started.
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    // Bun reads only a hashed folder of certificates by itself, not the system's bundle file.
    "--compile-exec-argv=--use-system-ca",
    // A package asks for the folder of its own sources, and Bun writes that of this machine into the bundle:
    // it told where the clone was, and no two clones gave the same bytes. The files are not there anyway.
    '--define=__dirname="/package"',
    '--define=__filename="/package/file"',
    `--define=__OZ_VERSION__=${JSON.stringify(version)}`,
    `--define=__OZ_COMMIT__=${JSON.stringify(commit)}`,
    `--outfile=${unfinished}`,
  ];
  try {
    const child = Bun.spawn([process.execPath, "build", ...flags, entry], {
      cwd: workingFolder,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    if ((await child.exited) !== 0) throw new Error(`bun build failed:\n${stderr}${stdout}`);
    // Bun adds the ending where it is not there.
    const ended = `${unfinished}.exe`;
    if (existsSync(ended)) await rename(ended, unfinished);
    if (target.startsWith("bun-darwin-")) {
      await writeFile(unfinished, signAdHoc(await readFile(unfinished), basename(outfile)));
    }
    await chmod(unfinished, 0o755);
    await rename(unfinished, outfile);
  } finally {
    for (const folder of [scratch, workingFolder]) await rm(folder, { recursive: true, force: true });
  }
}
