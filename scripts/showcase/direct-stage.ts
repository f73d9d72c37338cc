/** Tasks as processes of this machine, each in a folder of its own. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Stage } from "./stage.ts";

/** The agent is `oz` when it is on PATH, else examples/agent.sh; OZ_DEMO_AGENT=PATH takes another one. */
export function directStage(root: string, dir: string): Stage {
  const standIn = join(root, "examples/agent.sh");
  const agent = process.env["OZ_DEMO_AGENT"] || Bun.which("oz") || standIn;
  const workspaces = join(dir, "workspaces");
  return {
    what: `agent ${agent === standIn ? "examples/agent.sh" : agent}`,
    backend: { direct: { workspace_root: workspaces, oz_path: agent } },
    env: {},
    ownAgent: agent === standIn,
    assignment: {},
    leftBy: (taskId) => leftIn(join(workspaces, taskId)),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function leftIn(workspace: string): Promise<readonly string[]> {
  const git = Bun.which("git");
  if (git !== null) {
    const log = Bun.spawnSync([git, "-C", workspace, "log", "--oneline", "-3"], { stderr: "ignore" });
    if (log.success) return log.stdout.toString().trimEnd().split("\n");
  }
  return await readdir(workspace).catch(() => []);
}
