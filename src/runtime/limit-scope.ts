/** Work done under a lower soft limit of open files, whatever way the limit is read and set by. */

export const RLIMIT_NOFILE = process.platform === "darwin" ? 8 : 7;

/** Runs `work` with the soft limit lowered; children started in it keep the lower one. */
export type LimitScope = <T>(soft: number, work: () => T) => T;

/** The kernel's struct rlimit: soft, then hard. */
type Limit = BigUint64Array<ArrayBuffer>;

/** Both tell whether it worked. */
export function limitScopeOver(get: (limit: Limit) => boolean, set: (limit: Limit) => boolean): LimitScope {
  return (soft, work) => {
    const limit = new BigUint64Array(2);
    if (!get(limit) || (limit[0] ?? 0n) <= BigInt(soft)) return work();
    const raised = limit[0] ?? 0n;
    limit[0] = BigInt(soft);
    set(limit);
    try {
      return work();
    } finally {
      limit[0] = raised;
      set(limit);
    }
  };
}
