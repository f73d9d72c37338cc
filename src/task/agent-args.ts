/**
 * The agent's argv, the same for every backend. Order and spelling are the agent's contract; nothing
 * here ever passes through a shell.
 */
import type { Assignment, ConfigSnapshot } from "../protocol/assignment.ts";

export interface AgentArgsSettings {
  readonly serverRootUrl: string;
  readonly sessionSharingServerUrl: string | null;
  /** As the operator wrote it; null passes the bare flag, so that the agent's own default holds. */
  readonly idleOnComplete: string | null;
}

/** Without the executable. */
export function buildAgentArgs(assignment: Assignment, settings: AgentArgsSettings): string[] {
  const { task } = assignment;
  return [
    "agent",
    "run",
    ...(task.ownedByTeam ? ["--share", "team:edit"] : []),
    "--task-id",
    task.id,
    "--sandboxed",
    "--server-root-url",
    settings.serverRootUrl,
    ...(task.snapshot === null ? [] : snapshotArgs(task.snapshot)),
    ...assignment.additionalOzArgs,
    ...idleArgs(task.snapshot, settings.idleOnComplete),
    ...option("--session-sharing-server-url", settings.sessionSharingServerUrl ?? ""),
  ];
}

function option(name: string, value: string): string[] {
  return value === "" ? [] : [name, value];
}

function seconds(name: string, value: number): string[] {
  return value > 0 ? [name, `${value}s`] : [];
}

function snapshotArgs(snapshot: ConfigSnapshot): string[] {
  const ownHarness = snapshot.harness === "" || snapshot.harness === "oz";
  const computerUse = snapshot.computerUseEnabled ?? ownHarness;
  return [
    ...(ownHarness ? option("--model", snapshot.modelId) : []),
    ...option("--profile", snapshot.profileId),
    ...option("--skill", snapshot.skillSpec),
    ...(Object.keys(snapshot.mcpServers).length > 0 ? ["--mcp", JSON.stringify(snapshot.mcpServers)] : []),
    computerUse ? "--computer-use" : "--no-computer-use",
    ...option("--bedrock-inference-role", snapshot.bedrockRole),
    ...(snapshot.bedrockRole === "" ? [] : option("--bedrock-role-region", snapshot.bedrockRegion)),
    ...option("--harness", snapshot.harness),
    ...shareArgs(snapshot.publicAccess),
    ...(snapshot.snapshotDisabled ? ["--no-snapshot"] : []),
    ...seconds("--snapshot-upload-timeout", snapshot.snapshotUploadTimeoutSecs),
    ...seconds("--snapshot-script-timeout", snapshot.snapshotScriptTimeoutSecs),
    ...option("--environment", snapshot.environmentId),
  ];
}

function shareArgs(publicAccess: string): string[] {
  if (publicAccess === "VIEWER") return ["--share", "public:view"];
  if (publicAccess === "EDITOR") return ["--share", "public:edit"];
  return [];
}

function idleArgs(snapshot: ConfigSnapshot | null, fallback: string | null): string[] {
  const minutes = snapshot?.idleTimeoutMinutes ?? 0;
  if (minutes > 0) return ["--idle-on-complete", `${minutes}m`];
  return fallback === null ? ["--idle-on-complete"] : ["--idle-on-complete", fallback];
}
