/** Assignment + settings -> what a backend runs. Pure. */
import type { Settings } from "../config/settings.ts";
import type { Assignment } from "../protocol/assignment.ts";
import { buildAgentArgs } from "./agent-args.ts";

export interface TaskSpec {
  readonly assignment: Assignment;
  /** The agent's argv, without the executable. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** `traceContext`: variables that a task's own ones may override, as the built-in ones. */
export function prepareTask(
  assignment: Assignment,
  settings: Settings,
  traceContext: Readonly<Record<string, string>> = {},
): TaskSpec {
  return {
    assignment,
    argv: buildAgentArgs(assignment, settings),
    environment: {
      ...builtInEnvironment(assignment.taskId, settings.serverRootUrl),
      ...traceContext,
      ...assignment.envVars,
      ...operatorEnvironment(settings),
    },
  };
}

/** The server's `env_vars` may override these four. */
export function builtInEnvironment(taskId: string, serverRootUrl: string): Record<string, string> {
  return {
    TASK_ID: taskId,
    GIT_TERMINAL_PROMPT: "0",
    GH_PROMPT_DISABLED: "1",
    WARP_SERVER_ROOT_URL: serverRootUrl,
  };
}

/** The file's `environment` and `-e`, later wins. */
export function operatorEnvironment(settings: Settings): Record<string, string> {
  return Object.fromEntries(settings.backend.environment.map(({ name, value }) => [name, value]));
}
