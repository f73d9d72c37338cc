/** What the Command backend needs, looked at without a shim for what it would start. */
import type { CommandSettings } from "../../config/settings.ts";
import type { Environment } from "../../process/worker-environment.ts";
import { requirePrograms } from "./create.ts";

/** What was found, in words. Throws BackendUnusable as a start does. */
export function inspectCommand(settings: CommandSettings, workerEnvironment: Environment): string {
  requirePrograms(settings, workerEnvironment);
  const commands =
    settings.cancelCommand === null ? "dispatch_command" : "dispatch_command and cancel_command";
  const found = settings.cancelCommand === null ? "was" : "were";
  return `nothing speaks against ${commands}, which ${found} not run`;
}
