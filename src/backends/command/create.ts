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
  const operator = operatorOf(settings);
  requirePrograms(settings, workerEnvironment);
  return new CommandBackend({
    ...rest,
    settings,
    environments: { worker: workerEnvironment, operator },
    secrets: [workerEnvironment[KEY_NAME] ?? "", ...Object.values(operator)],
    shim: new ShimClient({ command: shimCommand, openFiles: inheritedOpenFilesLimit(), log }),
    surveyor: new Surveyor(MARK_NAMES),
  });
}

/** Throws BackendUnusable for a command whose program is not there. */
export function requirePrograms(settings: CommandSettings, workerEnvironment: Environment): void {
  const place = {
    cwd: settings.workingDir,
    searchPath: operatorOf(settings)["PATH"] ?? workerEnvironment["PATH"],
  };
  requireProgram(settings.dispatchCommand, "backend.command.dispatch_command", place);
  if (settings.cancelCommand !== null) {
    requireProgram(settings.cancelCommand, "backend.command.cancel_command", place);
  }
}

function operatorOf({ environment }: CommandSettings): Environment {
  return Object.fromEntries(environment.map(({ name, value }) => [name, value]));
}
