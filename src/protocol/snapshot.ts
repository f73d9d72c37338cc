/** The `task` object of an assignment and its `agent_config_snapshot`, read leniently. */
import type { ConfigSnapshot, TaskRecord } from "./assignment.ts";
import { FieldReader, type JsonObject } from "./fields.ts";

/**
 * `fallbackId` is the assignment's task_id, for a task that does not repeat it. `received` is the same
 * task with the digits of its numbers as they came: what is handed on as JSON is taken from there.
 */
export function readTask(task: FieldReader, fallbackId: string, received: JsonObject): TaskRecord {
  const snapshot = task.has("agent_config_snapshot")
    ? readSnapshot(task.inner("agent_config_snapshot"))
    : null;
  const exactly = new FieldReader(received).inner("agent_config_snapshot");
  return {
    id: task.text("id") || fallbackId,
    title: task.text("title"),
    ownedByTeam: task.inner("owner").text("Type") === "TEAM",
    snapshot: snapshot === null ? null : { ...snapshot, mcpServers: exactly.record("mcp_servers") },
  };
}

function readSnapshot(snapshot: FieldReader): ConfigSnapshot {
  const aws = snapshot.inner("inference_providers").inner("aws");
  const bedrock = aws.flag("disabled") !== true;
  return {
    environmentId: snapshot.text("environment_id"),
    modelId: snapshot.text("model_id"),
    profileId: snapshot.text("profile_id"),
    skillSpec: snapshot.text("skill_spec"),
    mcpServers: snapshot.record("mcp_servers"),
    computerUseEnabled: snapshot.flag("computer_use_enabled"),
    idleTimeoutMinutes: snapshot.whole("idle_timeout_minutes"),
    harness: snapshot.inner("harness").text("type"),
    bedrockRole: bedrock ? aws.text("role_arn") : "",
    bedrockRegion: bedrock ? aws.text("region") : "",
    publicAccess: snapshot.inner("session_sharing").text("public_access"),
    snapshotDisabled: snapshot.flag("snapshot_disabled") === true,
    snapshotUploadTimeoutSecs: snapshot.whole("snapshot_upload_timeout_secs"),
    snapshotScriptTimeoutSecs: snapshot.whole("snapshot_script_timeout_secs"),
  };
}
