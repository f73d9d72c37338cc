/** `oz-agent-worker [run]`: the daemon. */
import type { StopRequest } from "../async/stop-request.ts";
import { within } from "../async/wait.ts";
import { readCaFile } from "../config/ca-file.ts";
import { ConfigError } from "../config/config-error.ts";
import type { Settings } from "../config/settings.ts";
import { unusedBackends } from "../config/unused-backend.ts";
import { LogOutput } from "../logging/log-output.ts";
import { createLogger } from "../logging/logger.ts";
import { wordsOf } from "../logging/words-of.ts";
import { ownCommand } from "../runtime/self.ts";
import { BackendUnusable } from "../task/backend.ts";
import { runWorker, type WorkerEnd } from "../worker.ts";
import { EXIT } from "./exit-status.ts";
import { knownSecrets } from "./known-secrets.ts";

/** For a reader that is slow; one that does not read at all holds nothing up. */
const LAST_LINES_MS = 1_000;
/** By then it is connected, or has said that it is not. */
const STARTED_MS = 250;

export interface DaemonEdge {
  readonly environment: Readonly<Record<string, string>>;
  /** The argument by which this program is a shim. */
  readonly shimArgument: string;
  readonly stop: StopRequest;
}

export async function runDaemon(
  settings: Settings,
  { environment, shimArgument, stop }: DaemonEdge,
): Promise<number> {
  const secrets = await knownSecrets(settings, environment);
  const output = new LogOutput((lines) =>
    log.warn("lines of the log were lost, for nobody read them", { lines }),
  );
  const opening = setTimeout(() => output.open(), STARTED_MS);
  opening.unref();
  const log = createLogger({
    level: settings.logLevel,
    format: settings.logFormat,
    write: output.write,
    secrets,
  });
  for (const { message, ...fields } of unusedBackends(settings)) {
    log.warn(message, { backend: settings.backend.kind, ...fields });
  }
  reportStrayErrors((error) => log.error("unexpected error; the worker goes on", { error }));
  try {
    const end = await runWorker({
      settings,
      environment,
      privateCa: settings.caFile === null ? null : await readCaFile(settings.caFile),
      shimCommand: [...ownCommand(), shimArgument],
      log,
      secrets,
      stop,
    });
    return exitStatusOf(end);
  } catch (error) {
    if (error instanceof ConfigError || (stop.signal.aborted && error === stop.signal.reason)) throw error;
    if (!(error instanceof BackendUnusable))
      throw new Error(secrets.redact(wordsOf(error)), { cause: error });
    log.error(secrets.redact(error.message));
    return EXIT.couldNotStart;
  } finally {
    clearTimeout(opening);
    await within(output.drained(), LAST_LINES_MS, null);
  }
}

function exitStatusOf(end: WorkerEnd): number {
  switch (end) {
    case "stopped":
      return EXIT.ok;
    case "unauthorized":
      return EXIT.refused;
    default:
      return end satisfies never;
  }
}

/** A mistake of ours in one task's code must not end all the others. */
function reportStrayErrors(report: (error: string) => void): void {
  const say = (error: unknown) =>
    report(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.on("uncaughtException", say);
  process.on("unhandledRejection", say);
}
