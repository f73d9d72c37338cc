/** Work done under another soft limit, whatever way the limit is read and set by. */

export const RLIMIT_NOFILE = process.platform === "darwin" ? 8 : 7;
/** Linux alone has it. */
export const RLIMIT_LOCKS = 10;

/** Runs `work` under this soft limit, unless the hard one is lower; children started in it keep it. */
export type LimitScope = <T>(soft: number, work: () => T) => T;

/** By the number that the system gives a resource. */
export type SoftLimits = (resource: number) => LimitScope;

/** The kernel's struct rlimit: soft, then hard. */
type Limit = BigUint64Array<ArrayBuffer>;

/** Both tell whether it worked. */
export function limitScopeOver(get: (limit: Limit) => boolean, set: (limit: Limit) => boolean): LimitScope {
  return (soft, work) => {
    const limit = new BigUint64Array(2);
    if (!get(limit) || (limit[1] ?? 0n) < BigInt(soft)) return work();
    const before = limit[0] ?? 0n;
    limit[0] = BigInt(soft);
    set(limit);
    try {
      return work();
    } finally {
      limit[0] = before;
      set(limit);
    }
  };
}
