/** The environments of a Direct task's processes: the agent's, and its hooks'. Pure. */
import { join } from "node:path";
import { type Environment, withoutOwnVariables } from "../../process/worker-environment.ts";
import type { Workspace } from "./workspace.ts";

export type { Environment } from "../../process/worker-environment.ts";

/** What a process needs to run at all; nothing else of the worker's own reaches the agent. */
const FROM_THE_WORKER = ["HOME", "TMPDIR", "PATH"] as const;

/** The name of the variable that marks a task's processes: its value is a path of this task alone. */
export const MARK_NAME = "GIT_CONFIG_GLOBAL";

/** The same of its hooks, which see the operator's own in that one. */
export const HOOK_MARK_NAME = "OZ_ENVIRONMENT_FILE";

/** Folders in which an agent keeps its own settings, so that tasks do not share them. */
const HARNESS_FOLDERS: ReadonlyMap<string, { readonly variable: string; readonly folder: string }> = new Map([
  ["claude", { variable: "CLAUDE_CONFIG_DIR", folder: ".claude" }],
  ["codex", { variable: "CODEX_HOME", folder: ".codex" }],
]);

export interface AgentEnvironmentParts {
  readonly worker: Environment;
  /** The task's own: built-in, the server's, the operator's. */
  readonly task: Environment;
  readonly harness: string;
  readonly workspace: Workspace;
  /** What setup_command wrote; wins over all but the mark. */
  readonly fromSetup: Environment;
}

export function agentEnvironment(parts: AgentEnvironmentParts): Environment {
  const { worker, task, harness, workspace, fromSetup } = parts;
  const passed = FROM_THE_WORKER.map((name) => [name, worker[name]] as const);
  return {
    ...Object.fromEntries(
      passed.filter((entry): entry is [(typeof entry)[0], string] => entry[1] !== undefined),
    ),
    PWD: workspace.dir,
    ...task,
    ...harnessEnvironment(harness, workspace.dir),
    ...fromSetup,
    [MARK_NAME]: workspace.gitConfig,
  };
}

export function markOf(workspace: Pick<Workspace, "gitConfig">): string {
  return `${MARK_NAME}=${workspace.gitConfig}`;
}

/** In the folder that the task works in; null: the harness has none. */
export function harnessFolder(harness: string, dir: string): string | null {
  const known = HARNESS_FOLDERS.get(harness);
  return known === undefined ? null : join(dir, known.folder);
}

function harnessEnvironment(harness: string, dir: string): Environment {
  const known = HARNESS_FOLDERS.get(harness);
  return known === undefined ? {} : { [known.variable]: join(dir, known.folder) };
}

export interface HookEnvironmentParts {
  /** The whole of it: hooks are the operator's own. */
  readonly worker: Environment;
  readonly task: Environment;
  readonly taskId: string;
  readonly workspaceDir: string;
  readonly environmentFile: string;
}

export function hookEnvironment(parts: HookEnvironmentParts): Environment {
  return {
    ...withoutOwnVariables(parts.worker),
    ...parts.task,
    PWD: parts.workspaceDir,
    OZ_WORKSPACE_ROOT: parts.workspaceDir,
    OZ_WORKER_BACKEND: "direct",
    OZ_RUN_ID: parts.taskId,
    [HOOK_MARK_NAME]: parts.environmentFile,
  };
}
