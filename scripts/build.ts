/**
 * Compiles the program.
 *
 *   scripts/build [--outfile PATH] [--target TARGET]
 *   scripts/build --all [--outdir DIR] [--only NAME]...
 *   scripts/build --packages [--outdir DIR]
 *   scripts/build --image [--outdir DIR] [--executable FILE]
 *
 * TARGET is a name of Bun's, such as bun-linux-arm64; this platform's unless told. PATH is
 * dist/oz-agent-worker unless told. `--all` writes a whole release to dist/release, or DIR: an archive
 * for each platform, or for those that are named (linux-x64, darwin-arm64, ...), and what goes with them.
 * `--packages` adds deb and rpm to such a release. `--image` writes to dist/image, or DIR, what `docker build -f Dockerfile DIR` needs, with an executable
 * that was built before.
 */
import { stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { BadUsage, readArguments, runScript } from "./command-line.ts";
import { compile } from "./release/compile.ts";
import { writeImageContext } from "./release/image.ts";
import { packageRelease } from "./release/packages.ts";
import { buildRelease } from "./release/release.ts";
import { ROOT, readCommit, readVersion } from "./release/source.ts";
import { hostTarget, TARGETS } from "./release/targets.ts";

const USAGE = `scripts/build [--outfile PATH] [--target TARGET]
       scripts/build --all [--outdir DIR] [--only NAME]...
       scripts/build --packages [--outdir DIR]
       scripts/build --image [--outdir DIR] [--executable FILE]`;

function readFlags() {
  const { values } = readArguments(
    {
      options: {
        outfile: { type: "string", default: join(ROOT, "dist/oz-agent-worker") },
        target: { type: "string", default: hostTarget() },
        all: { type: "boolean", default: false },
        packages: { type: "boolean", default: false },
        image: { type: "boolean", default: false },
        outdir: { type: "string" },
        executable: { type: "string", default: join(ROOT, "dist/oz-agent-worker") },
        only: { type: "string", multiple: true, default: [] },
        // For the tests of this script.
        level: { type: "string", default: "9" },
        entry: { type: "string", default: join(ROOT, "src/main.ts") },
      },
    },
    USAGE,
  );
  const [one, other] = (["all", "packages", "image"] as const).filter((kind) => values[kind]);
  if (other !== undefined) throw new BadUsage(`--${one} and --${other} are two runs\nusage: ${USAGE}`);
  if (values.only.length > 0 && !values.all)
    throw new BadUsage(`--only goes with --all; one platform alone is --target\nusage: ${USAGE}`);
  if (!values.target.startsWith("bun-"))
    throw new BadUsage(
      `There is no target ${values.target}: choose from ${TARGETS.map(({ bun }) => bun).join(" ")}`,
    );
  return values;
}

async function main(): Promise<number> {
  const values = readFlags();
  const version = await readVersion();
  const commit = await readCommit();
  const entry = resolve(values.entry);
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  if (values.packages) {
    await packageRelease(resolve(values.outdir ?? join(ROOT, "dist/release")), say);
    return 0;
  }
  if (values.image) {
    const outdir = resolve(values.outdir ?? join(ROOT, "dist/image"));
    await writeImageContext({ outdir, executable: resolve(values.executable) });
    const args = `--build-arg VERSION=${version} --build-arg COMMIT=${commit}`;
    say(`docker build -f Dockerfile ${args} ${outdir}`);
    return 0;
  }
  if (values.all) {
    await buildRelease({
      outdir: resolve(values.outdir ?? join(ROOT, "dist/release")),
      only: values.only,
      entry,
      version,
      commit,
      level: values.level === "1" ? 1 : 9,
      say,
    });
    return 0;
  }
  const outfile = resolve(values.outfile);
  await compile({ entry, outfile, target: values.target, version, commit });
  const { size } = await stat(outfile);
  const shown = relative(process.cwd(), outfile);
  const name = shown.startsWith("..") ? outfile : shown;
  const megabytes = (size / 1_000_000).toFixed(1);
  say(`${name}: ${megabytes} MB, ${values.target}, version ${version}, commit ${commit}`);
  return 0;
}

if (import.meta.main) await runScript("build", main);
