/** What every command of one worker is run with. */
import type { CommandSettings } from "../../config/settings.ts";
import type { ShimClient, Supervised } from "../../process/shim/client.ts";
import { SHIM_KILLED, SpawnRefused } from "../../process/shim/refused.ts";
import type { Surveyor } from "../../process/stragglers.ts";
import type { Environment } from "../../process/worker-environment.ts";
import type { FailureReason } from "../../protocol/failure-reason.ts";
import { TaskFailure } from "../../task/backend.ts";
import type { CommandEnvironments } from "./environment.ts";
import { inPlaceOfShell } from "./plain-command.ts";

export interface CommandTools {
  readonly settings: CommandSettings;
  readonly shim: ShimClient;
  readonly surveyor: Surveyor;
  readonly graceMs: number;
  readonly environments: CommandEnvironments;
  /** What both commands can see and nobody else should: the worker's key, the operator's variables. */
  readonly secrets: readonly string[];
}

export interface ShellCall {
  /** The setting that holds the text, and what fails with it. */
  readonly name: Extract<FailureReason, "dispatch_command" | "cancel_command">;
  readonly text: string;
  readonly env: Environment;
  readonly input: string;
  /** Null: it ends with the worker. */
  readonly exitFile: string | null;
}

/** Its shim was killed before it told of it: whether it was started is not known. */
export class ShellUnheard extends TaskFailure {}

/** Throws TaskFailure. */
export async function startShell(call: ShellCall, { shim, settings }: CommandTools): Promise<Supervised> {
  const command = {
    argv: ["/bin/sh", "-c", inPlaceOfShell(call.text)],
    cwd: settings.workingDir,
    env: call.env,
  };
  try {
    return await shim.spawn(command, call.exitFile, { input: call.input });
  } catch (error) {
    if (!(error instanceof SpawnRefused)) throw error;
    if (error.code === SHIM_KILLED) {
      const message = `nobody knows whether ${call.name} was run: ${error.message}`;
      throw new ShellUnheard(call.name, message, { cause: error });
    }
    const message = `${call.name} cannot be started in ${settings.workingDir}: ${error.message}`;
    throw new TaskFailure(call.name, message, { cause: error });
  }
}
