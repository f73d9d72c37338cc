/**
 * Why a task failed, as the control plane and the metrics know it. The list is closed: the far side
 * groups and alerts on these words.
 */
export const FAILURE_REASONS = [
  "unknown",
  "task_timeout",
  "task_cancelled",
  "graceful_shutdown",
  "image_pull",
  "sidecar_prep",
  "container_create",
  "container_start",
  "container_wait",
  "container_exit",
  "container_oom",
  "workspace_setup",
  "setup_command",
  "agent_invocation",
  "teardown_command",
  "dispatch_command",
  "dispatch_timeout",
  "cancel_command",
  "job_create",
  "job_watch",
  "job_failed",
  "evicted",
  "pod_watch",
  "unschedulable",
  "volume_mount",
  "init_container",
  "invalid_image",
  "active_deadline",
  "cleanup",
] as const;

export type FailureReason = (typeof FAILURE_REASONS)[number];
