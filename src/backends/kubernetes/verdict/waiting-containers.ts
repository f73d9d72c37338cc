/** What follows from containers that the kubelet cannot start. */
import type { V1ContainerStateWaiting, V1Pod } from "@kubernetes/client-node";
import type { FailureReason } from "../../../protocol/failure-reason.ts";
import { envSecretNameOf } from "../job/env-secret.ts";
import { type ContainerView, containersOf, hasEnded } from "./containers.ts";
import { isOver } from "./job-condition.ts";
import type { JobView, Verdict } from "./view.ts";
import { podText, reasonText, withWords } from "./words.ts";

/** The kubelet's words, and what they are to the control plane. */
const WAITING: Readonly<Record<string, FailureReason>> = {
  ErrImagePull: "image_pull",
  ImagePullBackOff: "image_pull",
  // Without these three a pod would wait until its deadline for an image that will not come.
  ErrImageNeverPull: "image_pull",
  ImageInspectError: "image_pull",
  SignatureValidationFailed: "image_pull",
  InvalidImageName: "invalid_image",
  CreateContainerConfigError: "container_create",
  CreateContainerError: "container_create",
};

/**
 * The Secret is created right after the Job; a quick kubelet looks for it in between, and again later. It may also be
 * minutes until the cluster takes it, as when what encrypts Secrets at rest is away.
 */
const SECRET_PATIENCE_MS = 60_000;
/** It is seen only when the server is back, and the kubelet asks again within half of that. */
const UNREAD_PATIENCE_MS = 60_000;

export function stuckContainer(view: JobView, pod: V1Pod): Verdict | null {
  if (hasEnded(pod)) return null;
  for (const container of containersOf(pod)) {
    const { waiting } = container.state;
    const reason = WAITING[waiting?.reason ?? ""];
    if (waiting === undefined || reason === undefined) continue;
    const patience = patienceMs(view, pod, waiting);
    if (patience > 0) return { kind: "running", recheckInMs: patience };
    const message = withWords(
      `${isInit(container) ? "init container" : "container"} "${container.name}" of ${podText(view, pod)} cannot start`,
      reasonText(waiting),
    );
    const atInit = reason === "container_create" && isInit(container);
    const failed: Verdict = { kind: "failed", reason: atInit ? "init_container" : reason, message };
    if (!isUnread(waiting) || isOver(view.job)) return failed;
    return { ...failed, believedAfterMs: UNREAD_PATIENCE_MS };
  }
  return null;
}

/** The kubelet could not ask the API server for what the container refers to, which may well be there. */
function isUnread({ message = "" }: V1ContainerStateWaiting): boolean {
  return /failed to sync (secret|configmap) cache/.test(message);
}

function isInit({ role }: ContainerView): boolean {
  return role === "init" || role === "sidecar";
}

/** How long this may still pass by itself; the kubelet has no code for what it misses, only a sentence. */
function patienceMs(view: JobView, pod: V1Pod, { message = "" }: V1ContainerStateWaiting): number {
  if (!message.includes(`"${envSecretNameOf(view.jobName)}" not found`)) return 0;
  const since = Math.max(pod.metadata?.creationTimestamp?.getTime() ?? 0, view.readySinceMs);
  return since + SECRET_PATIENCE_MS - view.nowMs;
}
