/** The folder that a build writes to, made anew. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { BadUsage } from "../command-line.ts";

/** What `scripts/build --all` and what goes with it writes, also one that was interrupted. */
export const RELEASE_NAMES =
  /^(?:oz-agent-worker[-_.].+|release\.json|sbom\.spdx\.json|install\.sh|SHA256SUMS|\.(?:linux|darwin|windows)-[\w-]+)$/;
export const IMAGE_NAMES = /^(?:base\.tar|oz-agent-worker|LICENSE|THIRD-PARTY-NOTICES)$/;

/**
 * What an earlier build wrote there goes. With anything else in it nothing does: `--outdir .` is soon typed, and
 * would cost the clone.
 */
export async function makeAnew(outdir: string, ours: RegExp): Promise<void> {
  const entries = await readdir(outdir, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  // Such a build leaves files, and an interrupted one folders with a dot.
  const other = entries.find((entry) => {
    return !ours.test(entry.name) || !(entry.isFile() || entry.name.startsWith("."));
  });
  if (other !== undefined)
    throw new BadUsage(
      `Cannot build into ${outdir}, which is emptied first: ${other.name} in it is not of such a build; name a folder that is empty or not there`,
    );
  await rm(outdir, { recursive: true, force: true });
  await mkdir(outdir, { recursive: true });
}
