/**
 * Compiles the program into one executable.
 *
 *   scripts/build [--outfile PATH] [--target TARGET]
 *
 * TARGET is a name of Bun's, such as bun-linux-arm64; this platform's unless told. PATH is
 * dist/oz-agent-worker unless told.
 */
import { existsSync } from "node:fs";
import { chmod, mkdir, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";

const ROOT = resolve(import.meta.dir, "..");

async function main(argv: string[]): Promise<void> {
  const { values } = parseArgs({
    args: argv,
    options: {
      outfile: { type: "string", default: join(ROOT, "dist/oz-agent-worker") },
      target: { type: "string", default: hostTarget() },
      // For the tests of this script.
      entry: { type: "string", default: join(ROOT, "src/main.ts") },
    },
  });
  const outfile = resolve(values.outfile);
  const entry = resolve(values.entry);
  const version = await readVersion();
  const commit = await readCommit();
  await compile({ entry, outfile, target: values.target, version, commit });
  const { size } = await stat(outfile);
  const shown = relative(process.cwd(), outfile);
  const name = shown.startsWith("..") ? outfile : shown;
  const megabytes = (size / 1_000_000).toFixed(1);
  process.stdout.write(`${name}: ${megabytes} MB, ${values.target}, version ${version}, commit ${commit}\n`);
}

interface Build {
  readonly entry: string;
  readonly outfile: string;
  readonly target: string;
  readonly version: string;
  readonly commit: string;
}

/** Written beside its place and renamed, so that whoever starts it meanwhile has the old or the new one. */
async function compile({ entry, outfile, target, version, commit }: Build): Promise<void> {
  if (!existsSync(entry)) throw new Error(`There is no ${entry} to build`);
  await mkdir(dirname(outfile), { recursive: true });
  const unfinished = join(dirname(outfile), `.${basename(outfile)}.${process.pid}`);
  const flags = [
    "--compile",
    "--minify",
    "--bytecode",
    "--format=esm",
    // What a command does not need is not even loaded: 8 ms and 1 MB of every start.
    "--splitting",
    // A daemon that mostly waits gains little from compiling its own code early: 3 MB and 2 ms less
    // at start, and what is really hot is still compiled.
    "--compile-jit-policy=20",
    `--target=${target}`,
    // Otherwise the program runs a preload of any bunfig.toml and loads any .env where it is started.
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    // Bun reads only a hashed folder of certificates by itself, not the system's bundle file.
    "--compile-exec-argv=--use-system-ca",
    `--define=__OZ_VERSION__=${JSON.stringify(version)}`,
    `--define=__OZ_COMMIT__=${JSON.stringify(commit)}`,
    `--outfile=${unfinished}`,
  ];
  try {
    const child = Bun.spawn([process.execPath, "build", ...flags, entry], {
      // Bun leaves its scratch file in the working folder when it is killed.
      cwd: dirname(outfile),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    if ((await child.exited) !== 0) throw new Error(`bun build failed:\n${stderr}${stdout}`);
    await chmod(unfinished, 0o755);
    await rename(unfinished, outfile);
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** Baseline on x64: the default build needs AVX2, which older and virtual machines lack. */
export function hostTarget(): string {
  const { platform, arch } = process;
  const musl = platform === "linux" && isMusl() ? "-musl" : "";
  return `bun-${platform}-${arch}${musl}${arch === "x64" ? "-baseline" : ""}`;
}

function isMusl(): boolean {
  const machine = process.arch === "x64" ? "x86_64" : "aarch64";
  const glibc = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
  return existsSync(`/lib/ld-musl-${machine}.so.1`) && !glibc.some(existsSync);
}

async function readVersion(): Promise<string> {
  const manifest: { version: string } = await Bun.file(join(ROOT, "package.json")).json();
  return manifest.version;
}

/** `unknown` for a source tree that is not a clone; `+dirty` when it differs from the commit. */
async function readCommit(): Promise<string> {
  const top = git("rev-parse", "--show-toplevel");
  // An unpacked source tree inside somebody else's repository is not that repository's commit.
  if (top === null || (await realpath(top)) !== (await realpath(ROOT))) return "unknown";
  const commit = git("rev-parse", "--short=12", "HEAD");
  if (commit === null) return "unknown";
  return git("status", "--porcelain") === "" ? commit : `${commit}+dirty`;
}

function git(...args: string[]): string | null {
  const program = Bun.which("git");
  if (program === null) return null;
  const { exitCode, stdout } = Bun.spawnSync([program, "-C", ROOT, ...args], { stderr: "ignore" });
  return exitCode === 0 ? stdout.toString().trim() : null;
}

if (import.meta.main) {
  await main(process.argv.slice(2)).catch((error: Error) => {
    process.stderr.write(`build: ${error.message}\n`);
    process.exitCode = 1;
  });
}
