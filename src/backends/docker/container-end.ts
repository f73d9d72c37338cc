/** What a container's end means for its task. Pure. */
import { SIGKILLED, SIGTERMED } from "../../process/how-it-ended.ts";
import { TaskFailure, TaskStopped } from "../../task/backend.ts";
import { isWithinGrace } from "../../task/grace.ts";
import type { ContainerState } from "./engine/containers.ts";
import type { ContainerResult, DockerHandle } from "./handle.ts";

/** State null: it is gone altogether. */
export interface Ended {
  readonly state: ContainerState | null;
}

/** Null as long as it runs. */
export function endOf(state: ContainerState | null): Ended | null {
  if (state === null || isForgotten(state, false) || isRestarting(state)) return { state };
  return !state.running && ENDED.includes(state.status) ? { state } : null;
}

/** What is on its way there (podman: stopping) has no exit status yet, and shows 0 instead. */
const ENDED: readonly string[] = ["exited", "dead", "removing", "stopped"];

/** By itself or by somebody else, the engine says when, and is not about to remove it. */
export function hasEnded({ running, status, finishedAt }: ContainerState): boolean {
  return !running && RESTING.includes(status) && finishedAt !== "";
}

const RESTING: readonly string[] = ["exited", "stopped"];

/** An engine's clock may be another host's. */
const CLOCKS_MS = 5_000;

/** Than whatever this host's clock says, by the engine's, too; both in ms since 1970. */
export function wasEarlier(finishedAt: number, askedAt: number): boolean {
  return finishedAt < askedAt - CLOCKS_MS;
}

/**
 * Its program was started. Where the engine does not say when, the status tells, but for that of one on its way out
 * (removing, dead): it may never have been.
 */
export function hasBegun({ running, status, startedAt }: ContainerState): boolean {
  return running || startedAt !== "" || BEGUN.includes(status);
}

const BEGUN: readonly string[] = ["running", "paused", "restarting", "stopping", "exited", "stopped"];

/**
 * It ran, and nobody told its engine how that ended: podman shows all that ran so when its host was started anew,
 * as if it had yet to begin, or as ended with 0 at no time. `followed`: it was seen to run, and its engine, which is not
 * podman, was there ever since; then it is one that never says when a container ended.
 */
export function isForgotten(
  { running, status, startedAt, neverFinished, exitCode }: ContainerState,
  followed: boolean,
): boolean {
  if (running || startedAt === "") return false;
  if (NOT_BEGUN.includes(status)) return true;
  return !followed && ENDED.includes(status) && exitCode === 0 && neverFinished;
}

const NOT_BEGUN: readonly string[] = ["created", "configured"];

/** It has ended, and its engine is about to run it once more: somebody has given it a restart policy. */
export function isRestarting({ status, startedAt }: ContainerState): boolean {
  return status === "restarting" && startedAt !== "";
}

/** The engine kills what it is told to remove: that is no end of the agent's own. */
export function isBeingRemoved({ status, exitCode }: ContainerState): boolean {
  return status === "removing" && exitCode === SIGKILLED;
}

/** What an engine may need beyond the grace, to come back with a container's processes and to kill them. */
const STOP_MARGIN_MS = 60_000;

/** True of one that an earlier worker was stopping, for as long as the engine may be at it; `at` in ms since 1970. */
export function mayBeStopping({ stopping, stoppedAt }: DockerHandle, at: number, graceMs: number): boolean {
  return stoppedAt === null ? stopping : at <= stoppedAt + graceMs + STOP_MARGIN_MS;
}

/**
 * Of a task that an earlier worker was stopping, for its time was up or for it shut down itself, when it was killed or
 * told to be quick: the engine went on with the stop, and an agent that ended well in that time was told to. What one
 * ended with by itself, at another time or with a failure of its own, is its own all the same. (A cancellation is in the
 * journal, and goes on by itself.)
 */
export function stopOf(
  handle: DockerHandle,
  { exitCode, oomKilled, finishedAt }: ContainerResult,
  graceMs: number,
): TaskStopped | null {
  const { stoppedAt } = handle;
  // A stop that never came to the engine ended nothing, hours before somebody else did.
  if (oomKilled || !mayBeStopping(handle, finishedAt ?? 0, graceMs)) return null;
  // Nor one that came to an engine in which it had ended long before.
  if (stoppedAt !== null && finishedAt !== null && wasEarlier(finishedAt, stoppedAt)) return null;
  const inTime =
    stoppedAt !== null &&
    finishedAt !== null &&
    finishedAt >= stoppedAt &&
    isWithinGrace(finishedAt, stoppedAt, graceMs);
  const wasForStop = exitCode === SIGKILLED || exitCode === SIGTERMED || (exitCode === 0 && inTime);
  return wasForStop ? stopIn(handle) : null;
}

/** What an earlier worker was stopping it for; null: nothing that it wrote down. */
export function stopIn({ stopping, stoppedAt }: DockerHandle): TaskStopped | null {
  if (stopping) return new TaskStopped("shutdown");
  return stoppedAt === null ? null : new TaskStopped("timeout");
}

export function goneFailure(container: string): TaskFailure {
  return new TaskFailure(
    "container_wait",
    `the container ${container} was removed by somebody else, so nobody knows how it ended`,
  );
}

/**
 * The worker was started again with another address: `engine` is the earlier one, `now` where it was looked for. Whether
 * it was even made there nobody knows: an image may have been pulled still.
 */
export function elsewhereFailure({ container, engine }: DockerHandle, now: string): TaskFailure {
  return new TaskFailure(
    "container_wait",
    `there is no container ${container} on the engine at ${now}: it was to run on the one at ${engine}, and may still do so`,
  );
}

/** `container` was to be started by a worker that was killed before it heard whether it was. */
export function goneUnseenFailure(container: string): TaskFailure {
  return new TaskFailure(
    "container_wait",
    `the container ${container} was removed by somebody else after its start was asked for, so nobody knows whether it ran`,
  );
}

/** Of a container whose start a worker had asked for that was killed, and that has none as far as the engine knows. */
export function unheardFailure(): TaskFailure {
  return new TaskFailure(
    "unknown",
    "the worker was killed before it heard whether the task had started, and the engine knows of no start; it is safe to retry, unless that was killed in the same moment",
  );
}

export function forgottenFailure(container: string): TaskFailure {
  return new TaskFailure(
    "container_wait",
    `the engine does not know how the container ${container} ended, as after a restart of its host`,
  );
}

/** Null: it ended well. `quote`: its last words; `engineWords`: the engine's about its end. */
export function failureOf(
  result: ContainerResult,
  quote: string | null,
  engineWords: string,
): TaskFailure | null {
  const { exitCode, oomKilled } = result;
  if (exitCode === 0) return null;
  const said = [
    engineWords === "" ? "" : `; the engine says: ${engineWords}`,
    quote === null ? "" : `; its last output: ${quote}`,
  ];
  const end = oomKilled
    ? "the container was killed because it used more memory than it may (OOM)"
    : `the container exited with status ${exitCode}${hintAt(exitCode)}`;
  return new TaskFailure(oomKilled ? "container_oom" : "container_exit", `${end}${said.join("")}`, {
    exitCode,
  });
}

const UNKNOWN_TO_DOCKER = 255;

function hintAt(exitCode: number): string {
  switch (exitCode) {
    case 126:
      return " (its command cannot be executed)";
    case 127:
      return " (its command was not found; an agent built for glibc is not found in an image with musl)";
    case SIGKILLED:
      return " (killed)";
    case SIGTERMED:
      return " (terminated)";
    case UNKNOWN_TO_DOCKER:
      return " (or Docker does not know it: it says that of what ended while it was not running)";
    default:
      return "";
  }
}
