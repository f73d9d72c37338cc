/** Of the processes with one mark, those that a task left: the next task with this mark may run already, under another worker. */
import type { ProcessEntry } from "./process-table.ts";

/**
 * `endedAt`: when the task ended, in the unit of `startedAt`. What was there by then is the task's, and so is
 * what that has started since, known by its parent or its group. The unit is coarse: an agent that its
 * parent waits for and that started in the same moment is the next task's.
 */
export function leftBehind(marked: readonly ProcessEntry[], endedAt: number): readonly ProcessEntry[] {
  const pids = new Set(marked.map(({ pid }) => pid));
  const nextAgents = new Set(
    marked.filter((entry) => isNextAgent(entry, endedAt) && !pids.has(entry.parentPid)).map(({ pid }) => pid),
  );
  const left = new Map<number, ProcessEntry>();
  const groups = new Set<number>();
  for (let known = -1; known < left.size; ) {
    known = left.size;
    for (const entry of marked) {
      if (nextAgents.has(entry.groupId)) continue;
      const old = Number(entry.startedAt) <= endedAt;
      if (!old && !left.has(entry.parentPid) && !groups.has(entry.groupId)) continue;
      left.set(entry.pid, entry);
      groups.add(entry.groupId);
    }
  }
  return [...left.values()];
}

function isNextAgent({ pid, groupId, parentPid, startedAt }: ProcessEntry, endedAt: number): boolean {
  return pid === groupId && parentPid > 1 && Number(startedAt) >= endedAt;
}
