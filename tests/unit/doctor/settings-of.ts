/** Settings as a command line and a config file make them. */
import { never } from "../../../src/async/wait.ts";
import { loadSettings } from "../../../src/cli/load-settings.ts";
import { parseCommandLine } from "../../../src/cli/parse.ts";
import type { Settings } from "../../../src/config/settings.ts";
import type { TempDir } from "../../support/temp-dir.ts";

/** `file`: the config file's, in JSON. */
export async function settingsOf(
  dir: TempDir,
  file: Readonly<Record<string, unknown>>,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = { WARP_API_KEY: "test-key" },
): Promise<Settings> {
  const path = await dir.write("worker.yaml", JSON.stringify({ worker_id: "w", ...file }));
  const line = parseCommandLine(["doctor", "--config-file", path, ...args]);
  if (line.command !== "doctor") throw new Error("another command");
  return await loadSettings(line.flags, { env, uid: 0, home: dir.path, cwd: dir.path }, never());
}
