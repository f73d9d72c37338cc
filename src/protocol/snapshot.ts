/** The `task` object of an assignment and its `agent_config_snapshot`, read leniently. */
import type { ConfigSnapshot, TaskRecord } from "./assignment.ts";
import { FieldReader, type JsonObject } from "./fields.ts";

/**
 * Of the agent's options the wire says that white space around them is nothing. An id and the words of a
 * closed list are what they are: `" TEAM "` is no owner that would share a task with a team.
 *
 * `fallbackId` is the assignment's task_id, for a task that does not repeat it. `received` is the same
 * task with the digits of its numbers as they came: what is handed on as JSON is taken from there.
 */
export function readTask(task: FieldReader, fallbackId: string, received: JsonObject): TaskRecord {
  const id = task.exact("id");
  const snapshot = task.has("agent_config_snapshot")
    ? readSnapshot(task.inner("agent_config_snapshot"))
    : null;
  const exactly = new FieldReader(received).inner("agent_config_snapshot");
  return {
    id: id.trim() === "" ? fallbackId : id,
    title: task.text("title"),
    ownedByTeam: task.inner("owner").exact("Type") === "TEAM",
    snapshot: snapshot === null ? null : { ...snapshot, mcpServers: exactly.writable("mcp_servers") },
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
    mcpServers: snapshot.writable("mcp_servers"),
    computerUseEnabled: snapshot.flag("computer_use_enabled"),
    idleTimeoutMinutes: snapshot.whole("idle_timeout_minutes"),
    harness: snapshot.inner("harness").text("type"),
    bedrockRole: bedrock ? aws.text("role_arn") : "",
    bedrockRegion: bedrock ? aws.text("region") : "",
    publicAccess: snapshot.inner("session_sharing").exact("public_access"),
    snapshotDisabled: snapshot.flag("snapshot_disabled") === true,
    snapshotUploadTimeoutSecs: snapshot.whole("snapshot_upload_timeout_secs"),
    snapshotScriptTimeoutSecs: snapshot.whole("snapshot_script_timeout_secs"),
  };
}
