/**
 * A whole release in one folder: an archive for each platform, checksums, a bill of materials, and a
 * manifest from which the installer's mirror, the formula and the packages are made. The same commit
 * gives the same bytes.
 */
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { requireKnown } from "../command-line.ts";
import { type CompressionLevel, packExecutable } from "./archive.ts";
import { compile } from "./compile.ts";
import { readComponents } from "./components.ts";
import { renderFormula } from "./formula.ts";
import { renderInstaller, repositoryUrl } from "./installer.ts";
import { type Manifest, PROGRAM, type ReleasedFile } from "./manifest.ts";
import { renderNotices } from "./notices.ts";
import { makeAnew, RELEASE_NAMES } from "./outdir.ts";
import { buildSbom } from "./sbom.ts";
import { ROOT, readCommitTime } from "./source.ts";
import { TARGETS, type Target } from "./targets.ts";

export interface Release {
  readonly outdir: string;
  /** Names of targets; none: all. */
  readonly only: readonly string[];
  readonly entry: string;
  readonly version: string;
  readonly commit: string;
  readonly level: CompressionLevel;
  readonly say: (line: string) => void;
}

export async function buildRelease(release: Release): Promise<Manifest> {
  const { outdir, version, commit, say } = release;
  const targets = chooseTargets(release.only);
  await makeAnew(outdir, RELEASE_NAMES);
  const components = await readComponents(ROOT);
  const documents = {
    LICENSE: await readFile(join(ROOT, "LICENSE"), "utf8"),
    "THIRD-PARTY-NOTICES": renderNotices(components),
  };
  const files: ReleasedFile[] = [];
  for (const target of targets) files.push(await buildTarget(target, documents, release));
  const manifest: Manifest = { name: PROGRAM, version, commit, files };
  const others: Record<string, string> = {
    "release.json": toJson(manifest),
    "sbom.spdx.json": toJson(buildSbom({ version, commit, components, createdAt: readCommitTime() })),
    "install.sh": renderInstaller(await readFile(join(ROOT, "install.sh"), "utf8"), {
      version,
      env: process.env,
    }),
  };
  const repository = repositoryUrl(process.env);
  const formula = repository === null ? null : renderFormula(manifest, repository);
  if (formula !== null) others["oz-agent-worker.rb"] = formula;
  for (const [name, text] of Object.entries(others)) await writeFile(join(outdir, name), text);
  const sums = [
    ...files.map(({ name, sha256 }) => ({ name, sha256 })),
    ...Object.entries(others).map(([name, text]) => ({ name, sha256: sha256Of(text) })),
  ];
  await writeFile(
    join(outdir, "SHA256SUMS"),
    sums.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(""),
  );
  say(`${files.length} archives, SHA256SUMS, SBOM and manifest of ${version} (${commit}) in ${outdir}`);
  return manifest;
}

function chooseTargets(only: readonly string[]): readonly Target[] {
  requireKnown(
    "target",
    only,
    TARGETS.map(({ name }) => name),
  );
  return TARGETS.filter(({ name }) => only.length === 0 || only.includes(name));
}

async function buildTarget(
  target: Target,
  documents: Readonly<Record<string, string>>,
  { outdir, entry, version, commit, level, say }: Release,
): Promise<ReleasedFile> {
  const executableName = target.archive === "zip" ? `${PROGRAM}.exe` : PROGRAM;
  const outfile = join(outdir, `.${target.name}`, executableName);
  await compile({ entry, outfile, target: target.bun, version, commit });
  const executable = await readFile(outfile);
  await rm(join(outdir, `.${target.name}`), { recursive: true });
  const name = `${PROGRAM}-${target.name}.${target.archive}`;
  const archive = packExecutable(
    target.archive,
    { name: executableName, content: executable },
    documents,
    level,
  );
  await writeFile(join(outdir, name), archive);
  say(`${name}: ${megabytes(archive.length)} MB, unpacked ${megabytes(executable.length)} MB`);
  return {
    name,
    target: target.name,
    size: archive.length,
    sha256: sha256Of(archive),
    executableSize: executable.length,
    executableSha256: sha256Of(executable),
  };
}

function sha256Of(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

function toJson(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
