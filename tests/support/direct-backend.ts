/** A Direct backend in a test's own process, over a real shim and an agent of the test's. */
import { createDirectBackend } from "../../src/backends/direct/create.ts";
import type { DirectBackend } from "../../src/backends/direct/direct.ts";
import { requireDirect } from "../../src/backends/direct/requirements.ts";
import type { DirectSettings } from "../../src/config/settings.ts";
import type { Logger } from "../../src/logging/logger.ts";
import { SHIM_COMMAND } from "../unit/process/shim-daemon.ts";
import type { TempDir } from "./temp-dir.ts";

export interface DirectBackendParts {
  readonly dir: TempDir;
  readonly ozPath: string;
  readonly log: Logger;
  readonly setupCommand?: string;
}

/** Workspaces are in `ws` of the folder, and statuses of agents whose worker is gone beside it. */
export async function directBackend({
  dir,
  ozPath,
  log,
  setupCommand,
}: DirectBackendParts): Promise<DirectBackend> {
  const settings: DirectSettings = {
    kind: "direct",
    workspaceRoot: await dir.mkdir("ws"),
    targetDir: null,
    ozPath,
    setupCommand: setupCommand ?? null,
    teardownCommand: null,
    logDir: null,
    logMaxAgeMs: null,
    minFreeBytes: 0,
    environment: [],
  };
  const searchPath = process.env["PATH"] ?? "";
  return createDirectBackend(settings, {
    oz: requireDirect(settings, searchPath),
    cleanup: true,
    graceMs: 1_000,
    workerEnvironment: { PATH: searchPath },
    environmentOf: () => ({}),
    folders: () => ({
      exitsDir: dir.path,
      claimsDir: dir.join("claims"),
      discardsDir: dir.join("discards"),
      handedOffDir: dir.join("handed-off"),
    }),
    isJournalKept: () => true,
    shimCommand: SHIM_COMMAND,
    log,
  });
}
