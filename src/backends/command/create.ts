/** Builds the Command backend, or says at start why it cannot hand anything over. */
import type { CommandSettings } from "../../config/settings.ts";
import type { Logger } from "../../logging/logger.ts";
import { inheritedOpenFilesLimit } from "../../process/open-files.ts";
import { ShimClient } from "../../process/shim/client.ts";
import { Surveyor } from "../../process/stragglers.ts";
import type { Environment } from "../../process/worker-environment.ts";
import { CommandBackend, type CommandOptions } from "./command.ts";
import { MARK_NAMES } from "./environment.ts";
import { requireProgram } from "./plain-command.ts";

export interface CommandDependencies
  extends Pick<CommandOptions, "workerId" | "serverRootUrl" | "graceMs" | "folders"> {
  readonly workerEnvironment: Environment;
  /** The argv that starts a shim. */
  readonly shimCommand: readonly string[];
  readonly log: Logger;
}

/** The variable that the worker itself may have got its key by. */
const KEY_NAME = "WARP_API_KEY";

export function createCommandBackend(
  settings: CommandSettings,
  { workerEnvironment, shimCommand, log, ...rest }: CommandDependencies,
): CommandBackend {
  const operator = Object.fromEntries(settings.environment.map(({ name, value }) => [name, value]));
  const place = { cwd: settings.workingDir, searchPath: operator["PATH"] ?? workerEnvironment["PATH"] };
  requireProgram(settings.dispatchCommand, "backend.command.dispatch_command", place);
  if (settings.cancelCommand !== null) {
    requireProgram(settings.cancelCommand, "backend.command.cancel_command", place);
  }
  return new CommandBackend({
    ...rest,
    settings,
    environments: { worker: workerEnvironment, operator },
    secrets: [workerEnvironment[KEY_NAME] ?? "", ...Object.values(operator)],
    shim: new ShimClient({ command: shimCommand, openFiles: inheritedOpenFilesLimit(), log }),
    surveyor: new Surveyor(MARK_NAMES),
  });
}
