/** SIGKILL for a group that a child of ours leads, while that child is not reaped. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself, and so has its group.
  }
}
