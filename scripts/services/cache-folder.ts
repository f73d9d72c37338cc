/** What is fetched or built once for the live tests, kept outside of the clone. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** The same that scripts/setup uses, less its last resort. */
function cacheFolder(): string {
  const told = process.env["XDG_CACHE_HOME"] ?? "";
  return join(isAbsolute(told) ? told : join(homedir(), ".cache"), "oz-agent-worker");
}

/**
 * The path of a folder that `make` fills once. It is whole or not there: of several that make it at the
 * same time, the first one's is kept.
 */
export async function once(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const cache = cacheFolder();
  const wanted = join(cache, name);
  if (existsSync(wanted)) return wanted;
  await mkdir(cache, { recursive: true });
  const staging = await mkdtemp(join(cache, "making."));
  try {
    const whole = join(staging, "whole");
    await mkdir(whole);
    await make(whole);
    await rename(whole, wanted).catch((error: unknown) => {
      if (!existsSync(wanted)) throw error;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return wanted;
}
