/** The environments of the operator's two commands. Nothing of a task's own but its names. Pure. */

import type { ExecutionRef } from "../../journal/execution.ts";
import { type Environment, withoutOwnVariables } from "../../process/worker-environment.ts";
import { executionIdOf } from "../../protocol/stand-ins.ts";

/** The variables that mark a dispatch's processes. Both: nothing says that no two tasks' executions are named alike. */
export const MARK_NAMES = ["OZ_RUN_ID", "OZ_EXECUTION_ID"] as const;

export interface CommandEnvironments {
  /** The whole of it: the commands are the operator's own. */
  readonly worker: Environment;
  /** The file's `environment` and `-e`. */
  readonly operator: Environment;
}

/** What else a dispatch is told outside of its payload. */
export interface DispatchFacts {
  readonly serverRootUrl: string;
  readonly image: string;
}

export function cancelEnvironment(ref: ExecutionRef, { worker, operator }: CommandEnvironments): Environment {
  return {
    ...withoutOwnVariables(worker),
    ...operator,
    OZ_RUN_ID: ref.taskId,
    OZ_EXECUTION_ID: executionIdOf(ref),
    OZ_WORKER_BACKEND: "command",
  };
}

export function dispatchEnvironment(
  ref: ExecutionRef,
  { serverRootUrl, image }: DispatchFacts,
  environments: CommandEnvironments,
): Environment {
  return {
    ...cancelEnvironment(ref, environments),
    OZ_SERVER_ROOT_URL: serverRootUrl,
    OZ_DOCKER_IMAGE: image,
  };
}

export function markOf(ref: ExecutionRef): string {
  const [run, execution] = MARK_NAMES;
  return `${run}=${ref.taskId}\0${execution}=${executionIdOf(ref)}`;
}
